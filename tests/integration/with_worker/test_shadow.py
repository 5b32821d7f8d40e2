"""A challenger answers its share of the rows in shadow, and whatever becomes of it, the stream does not notice."""

import asyncio
import shutil
from pathlib import Path

import psutil
import pytest

from cargostream.records import Prediction
from stream_worker.shadow import chosen
from tests.support.following import artifact, following
from tests.support.registry import Registry
from tests.support.workers import Rig

# The image library of challengers' processes, and of no other, is made to fail on one file.
FATAL = """
import sys
if "stream_worker.understudy" in sys.orig_argv:
    import ctypes, os, time
    from PIL import Image
    really_open = Image.open
    def open_or_die(file, *args, **kwargs):
        if file.getvalue().endswith(b"deadly"):
            FAULT
        return really_open(file, *args, **kwargs)
    Image.open = open_or_die
"""


def start(rig: Rig, registry: Registry, name: str, **settings: object) -> dict[str, int]:
    """A worker that serves version "champion" and has "challenger", whose answers are one class on, in shadow."""
    versions = {alias: artifact(registry, name, rig.home / alias, shift=shift)
                for shift, alias in enumerate(("champion", "challenger"))}
    for alias, version in versions.items():
        registry.promote(name, version, alias)
    shutil.rmtree(rig.home / "models")
    rig.start(mlflow_port=registry.port, model_name=name, alias_poll_s=0.1, **settings)
    rig.ready()
    rig.wait("both in service", lambda: [rig.health()[alias]["version"] for alias in versions] == [*versions.values()])
    return versions


def of(purpose: str, answers: list[Prediction]) -> dict[int, Prediction]:
    found = {answer.source_id: answer for answer in answers if answer.purpose == purpose}
    assert len(found) == len([answer for answer in answers if answer.purpose == purpose]), "a row has two"
    return found


def test_a_challenger_answers_the_chosen_rows_and_no_others(registry: Registry, rig: Rig) -> None:
    versions = start(rig, registry, "shadowed", shadow_share=0.5, image_patience_s=0.1)
    rig.draw("0.png", 0)
    expected = {n for n in range(60) if chosen(b'{"id": %d}' % n, 0.5)}
    assert 15 < len(expected) < 45
    for n in range(60):
        rig.row(n, "0.png" if n % 3 else "none.png", **({} if n % 10 else {"__op": "d", "__deleted": "true"}))
        if n % 5 == 4:
            rig.wait(f"{n} answered", lambda n=n: sum(rig.health()["counts"].values()) > n)
    due = {n for n in expected if n % 3 and n % 10}
    rig.wait("answers in shadow", lambda: len(of("shadow", rig.predictions())) >= len(due))
    answers = rig.predictions()
    shadows, real = of("shadow", answers), of("current", answers)
    assert shadows.keys() == due, "not those whose image is at fault or that are gone"
    assert {(a.target, a.model_version) for a in shadows.values()} == {(4, versions["challenger"])}
    assert {(a.target, a.model_version) for a in real.values() if a.status == "predicted"} == {
        (0, versions["champion"])}
    for n, shadow in shadows.items():
        assert (shadow.source_epoch, shadow.source_partition, shadow.source_offset) == (
            real[n].source_epoch, real[n].source_partition, real[n].source_offset)
    assert rig.health()["challenger"]["rows"] == {"answered": len(due), "unanswered": 0, "skipped": 0}
    worker = psutil.Process(rig.health()["pid"])
    assert len(worker.children()) == 1
    registry.unname("shadowed", "challenger")
    rig.wait("no challenger", lambda: rig.health()["challenger"]["version"] is None)
    rig.wait("its process gone", lambda: not worker.children())
    rig.stream(60, 20)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 80)
    assert len(of("shadow", rig.predictions())) == len(due)


@pytest.mark.parametrize(("fault", "words"), [
    ("ctypes.string_at(0)", "SIGSEGV"), ("os._exit(3)", "(3)"), ("time.sleep(60)", "longer than 1 s"),
])
def test_a_challenger_that_fails_is_put_aside_and_the_stream_goes_on(
    registry: Registry, rig: Rig, tmp_path: Path, fault: str, words: str
) -> None:
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults/sitecustomize.py").write_text(FATAL.replace("FAULT", fault))
    rig.variables["PYTHONPATH"] = str(tmp_path / "faults")
    name = f"failing-{words.strip('()').split()[0]}"
    versions = start(rig, registry, name, shadow_share=1, image_timeout_s=1)
    pid = rig.health()["pid"]
    rig.stream(0, 20)
    rig.draw("deadly.png", 0)
    with (rig.images / "deadly.png").open("ab") as image:
        image.write(b"deadly")
    rig.wait("all answered", lambda: sum(rig.committed().values()) == 20)
    rig.row(20, "deadly.png")
    rig.wait("put aside", lambda: rig.health()["challenger"]["problem"])
    rig.stream(21, 40)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 61)
    health = rig.health()
    assert (health["pid"], health["champion"]["version"]) == (pid, versions["champion"])
    assert words in health["challenger"]["problem"]
    assert (health["challenger"]["version"], health["challenger"]["counts"]["refused"]) == (None, 1)
    real = of("current", rig.predictions())
    assert {a.status for a in real.values()} == {"predicted"}
    assert all(real[n].target == n % 5 for n in range(61) if n != 20)
    registry.unname(name, "challenger")
    rig.wait("forgotten", lambda: rig.health()["challenger"]["problem"] is None)
    registry.promote(name, versions["challenger"], "challenger")
    rig.wait("another try", lambda: rig.health()["challenger"]["version"] == versions["challenger"])
    (child,) = psutil.Process(pid).children()
    rig.stop()
    rig.wait("its process gone with the worker", lambda: not child.is_running())


def test_a_challenger_is_checked_like_a_champion(registry: Registry, tmp_path: Path) -> None:
    name = "checked"
    good, better = (artifact(registry, name, tmp_path / f"{shift}", shift=shift) for shift in range(2))
    wrong = artifact(registry, name, tmp_path / "wrong", shift=2, golden_off=0.1)

    async def story() -> None:
        async with following(registry.uri, name, tmp_path / "home") as seen:
            registry.promote(name, good)
            registry.promote(name, wrong, "challenger")
            await seen.serves(good)
            await seen.until("refused", lambda: "answers otherwise" in str(seen.facts("challenger")["problem"]))
            assert ("challenger_refused", f"version {wrong}") in seen.events
            registry.promote(name, better, "challenger")
            await seen.serves(better, "challenger")
            registry.promote(name, wrong, "challenger")
            await seen.until("refused", lambda: seen.facts("challenger")["problem"])
            assert seen.facts("challenger")["version"] == better, "the one before goes on"
            assert seen.facts()["problem"] is None

    asyncio.run(story())
