"""D4 to D7 and D10: versions that must not serve, and versions that take each other's place while rows flow."""

import time
from collections import Counter
from pathlib import Path

from tests.faults.bench import Bench
from tests.faults.case import case
from tests.faults.inputs import same_worker
from tests.faults.versions import await_version, champion_kept, live_registry, ready, serve
from tests.support.bad_models import BAD_MODELS

FLIPS = 20
DAMAGED = ("model.onnx is not the file", "golden.npz is not the file", "unusable manifest.json", "register it again")
PICKLED = ("manifest.json: No such file",)


@case("D4", "a version whose files are cut, whose manifest is, whose digest is another than the registry's",
      "refused with an alarm; the version before goes on")
def damaged(bench: Bench) -> str:
    return _refused(bench, DAMAGED)


@case("D5", "a pickle as champion", "refused; the pickle's code is run by nobody")
def pickled(bench: Bench) -> str:
    seen = _refused(bench, PICKLED)
    for folder in (Path.cwd(), bench.settings.home / "run", bench.settings.home, Path("/tmp")):  # noqa: S108
        assert not (folder / "canary").exists(), f"the pickle was run in {folder}"
    return f"no canary; {seen}"


@case("D6", "versions of another input, shape, number or order of classes, with golden answers that are not theirs",
      "refused with an alarm; the version before goes on")
def unlike(bench: Bench) -> str:
    return _refused(bench, tuple(words for words in BAD_MODELS if words not in (*DAMAGED, *PICKLED)))


@case("D7", f"the alias moves {FLIPS} times between two versions while rows flow, and four times to a broken one",
      "each row is answered by one version, with that version's label; the broken one never serves", quick=True)
def flips(bench: Bench) -> str:
    with live_registry(bench) as (registry, folder), champion_kept(bench) as first, same_worker(bench):
        broken = BAD_MODELS["answers otherwise"](registry, bench.settings.model_name, folder / "broken")
        second = serve(bench, registry, folder / "second", shift=1)
        load = bench.load(1000, rate=25, burst=0, bad=0.03)
        for turn in range(FLIPS):
            if turn % 5 == 4:
                bench.stack.name(broken)
                bench.pipeline.wait("the broken one refused", lambda: ready(bench)["champion"]["problem"], 60)
            version = (first, second)[turn % 2]
            bench.stack.name(version)
            await_version(bench, version)
            time.sleep(0.3)  # a while with each
        load.finish()
        said = bench.verdict()
    by = Counter(row.model_version for row in bench.pipeline.ask(
        "SELECT model_version FROM cargo_prediction WHERE source_id >= :first AND status = 'predicted'",
        first=bench.first))
    assert by.keys() == {first, second}, f"answers came from {dict(by)}"
    assert min(by.values()) > 50, f"one version has hardly answered: {dict(by)}"
    return f"{FLIPS} moves, {by[first]} and {by[second]} rows answered by the two versions, none by the broken; {said}"


@case("D10", "two workers that serve different versions, as while a new one is rolled out",
      "each answer has the label of the version that it names; the first answer to a record stands")
def rolled_out(bench: Bench) -> str:
    with live_registry(bench) as (registry, folder), champion_kept(bench) as first:
        second = serve(bench, registry, folder / "second", shift=1)
        # The last champion that was cached serves where the registry is out of reach, and stays.
        bench.services.start_worker(1, {"CARGOSTREAM_MLFLOW_TRACKING_URI": "http://127.0.0.1:1"})
        bench.pipeline.wait("the other worker", lambda: ready(bench, 1).get("ready"), 120)
        bench.stack.name(first)
        await_version(bench, first)
        assert ready(bench, 1)["model_version"] == second
        load = bench.load(600, rate=100, burst=0.5)
        load.finish()
        bench.settle()
        by = Counter(row.model_version for row in bench.pipeline.ask(
            "SELECT model_version FROM cargo_prediction WHERE source_id >= :first AND status = 'predicted'",
            first=bench.first))
        assert bench.services.stop_worker(1) == 0
        said = bench.verdict()
    assert by.keys() == {first, second}, f"answers came from {dict(by)}"
    return f"{by[first]} rows by one version, {by[second]} by the other, at the same time; {said}"


def _refused(bench: Bench, words: tuple[str, ...]) -> str:
    """Make each of these versions champion while rows flow: none serves, each is told of."""
    with live_registry(bench) as (registry, folder), champion_kept(bench) as current, same_worker(bench):
        load = bench.load(200, rate=20, burst=0.2)
        for number, word in enumerate(words):
            version = BAD_MODELS[word](registry, bench.settings.model_name, folder / str(number))
            bench.stack.name(version)
            bench.pipeline.wait(f"refused: {word}", lambda word=word: word in str(
                ready(bench).get("champion", {}).get("problem")), 60)
            assert ready(bench)["model_version"] == current
            bench.pipeline.wait("an alarm", lambda version=version: bench.pipeline.ask(
                "SELECT 1 FROM cargo_event WHERE kind = 'model_refused' AND severity = 'alarm' AND subject = :subject",
                subject=f"version {version}"), 60)
        load.finish()
    said = bench.verdict()
    by = {row.model_version for row in bench.pipeline.ask(
        "SELECT DISTINCT model_version FROM cargo_prediction WHERE source_id >= :first", first=bench.first)}
    assert by == {current}, f"answers came from {by}"
    return f"{len(words)} versions refused, each with its reason and an alarm; {said}"

