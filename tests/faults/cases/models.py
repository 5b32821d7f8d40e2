"""D: models and the registry."""

import shutil
import threading
import time
from collections import Counter
from contextlib import suppress

import httpx
import numpy as np
from PIL import Image

from cargostream.cache import Cache, Pointer
from cargostream.records import MODEL_NAME
from tests.faults import bad_images
from tests.faults.bad_images import encoded
from tests.faults.bench import Bench
from tests.faults.case import case
from tests.faults.inputs import Written, answered, good_rows, refused_files, same_worker, write_among_good
from tests.faults.rigs import own_rig
from tests.faults.versions import champion_kept, live_registry, ready, serve
from tests.support.artifacts import write_artifact
from tests.support.following import artifact
from tests.support.postgres import free_port
from tests.support.registry import Registry
from tests.support.workers import Rig


@case("D1", "the registry is away at the first start, for as long as nobody needs it, and comes",
      "not ready, nothing consumed, no offset moves; then served, without a restart")
def no_registry(bench: Bench) -> str:
    with own_rig() as rig:
        folder = rig.home / "mlflow"
        folder.mkdir()
        shutil.rmtree(rig.home / "models")
        rig.stream(0, 100)
        registry = Registry(folder, free_port())
        worker = rig.start(mlflow_port=registry.port, model_name="late", alias_poll_s=0.5)
        rig.wait("no model", lambda: rig.health().get("reason") == "no model")
        _nothing_happens(rig)
        registry.start()
        try:
            registry.promote("late", artifact(registry, "late", folder / "model"))
            rig.wait("all committed", lambda: sum(rig.committed().values()) == 100, 120)
        finally:
            registry.kill()
        rig.assert_all_answered(100)
        assert worker.poll() is None
    bench.verdict(minimum=0)
    return "3 s without a registry: not ready, 0 offsets, 0 answers; once it came, all 100 rows by the same process"


@case("D2", "the registry hangs, then is killed again and again, while rows flow",
      "the loaded version goes on; the registry's absence is told")
def registry_goes(bench: Bench) -> str:
    failures = ready(bench)["registry_failures"]
    with same_worker(bench):
        bench.services.pause("mlflow")
        ids = bench.write(good_rows(bench, 100))
        answered(bench, ids)
        bench.pipeline.wait("told", lambda: ready(bench)["registry_failures"] > failures, 60)
        bench.services.resume()
        rows = good_rows(bench, 100)
        down = threading.Thread(target=bench.services.hold_down, args=("mlflow", 20))
        down.start()
        bench.until("the registry is gone", lambda: not _registry_answers(bench), 10)
        answered(bench, bench.write(rows))
        assert down.is_alive(), "the rows were answered only after the registry was let go"
        assert not _registry_answers(bench), "the registry was there while the rows were answered"
        down.join()
        said = bench.verdict(minimum=200)
    return f"100 rows answered while the registry hung, 100 while it was kept down, by the same process; {said}"


@case("D3", "no such model; a model without the alias", "not ready, with the reason; nothing consumed")
def nobody(bench: Bench) -> str:
    words = []
    with live_registry(bench) as (registry, folder):
        artifact(registry, "unnamed", folder / "unnamed")
        for name in ("no-such-model", "unnamed"):
            with own_rig() as rig:
                shutil.rmtree(rig.home / "models")
                rig.stream(0, 10)
                rig.start(mlflow_port=registry.port, model_name=name, alias_poll_s=0.5)
                rig.wait("told", lambda rig=rig: rig.health().get("champion", {}).get("problem"))
                _nothing_happens(rig)
                words.append(str(rig.health()["champion"]["problem"]))
    bench.verdict(minimum=0)
    return f"not ready, 0 offsets committed: {' / '.join(words)}"


@case("D8", "a model that answers NaN, and one that raises, on every tenth image",
      "`model_error` for those rows, an alarm; the others are predicted")
def no_number(bench: Bench) -> str:
    seen = []
    with live_registry(bench) as (registry, folder), champion_kept(bench), same_worker(bench):
        for fault in ("nan", "raise"):
            version = serve(bench, registry, folder / fault, on_black=fault)
            black = [(picture.path, None) for picture in (
                bench.put(f"D8/{fault}-{number}.png", _black(number)) for number in range(30))]
            for path, _ in black:
                bench.expect(path, None, "model_error")
            answers = answered(bench, write_among_good(bench, black, good=300).bad)
            assert {(one.error_code, one.model_version) for one in answers} == {("model_error", version)}
            bench.pipeline.wait("an alarm", lambda version=version: bench.pipeline.ask(
                "SELECT 1 FROM cargo_event WHERE kind = 'model_errors' AND severity = 'alarm' AND subject = :subject",
                subject=f"version {version}"), 60)
            seen.append(f"{fault}: 30 of 330 model_error, and an alarm")
        said = bench.verdict(minimum=660)
    return f"{'; '.join(seen)}; {said}"


@case("D9", "a model that hangs on one image", "the process gives up after `image_timeout_s`, nothing unanswered is "
      "committed; at the next start the row is `crashed_worker`, the others are predicted")
def hangs(bench: Bench) -> str:
    with own_rig() as rig:
        folder = rig.home / "hanging"
        digest = write_artifact(folder, on_black="hang")
        folder.rename(rig.home / "models" / digest)
        Cache(rig.home / "models").remember(Pointer(MODEL_NAME, 4, digest))
        (rig.images / "black.png").write_bytes(_black(0))
        rig.stream(0, 100)
        rig.row(100, "black.png")
        rig.stream(101, 100)
        began = time.monotonic()
        assert rig.start(image_timeout_s=3).wait(90) == 1
        ended = time.monotonic() - began
        assert "an image took too long" in rig.log()
        rig.assert_commits_are_covered()
        rig.start(image_timeout_s=3)
        rig.wait("all committed", lambda: sum(rig.committed().values()) == 201, 120)
        answers = {one.source_id: (one.status, one.error_code) for one in rig.predictions()}
    assert answers == dict.fromkeys(range(201), ("predicted", None)) | {100: ("rejected", "crashed_worker")}
    bench.verdict(minimum=0)
    return f"ended {ended:.0f} s after its start, commits covered by answers; then crashed_worker, 200 others predicted"


@case("D11", "every kind of bad image and path among 300 good ones, in random order",
      "bad ones refused with their codes, good ones keep *their* label", quick=True)
def mixed(bench: Bench) -> str:
    files = (bad_images.empty() | bad_images.no_images() | bad_images.truncated() | bad_images.flipped(bench.seed, 20)
             | bad_images.moving() | bad_images.misnamed())
    rows: list[Written] = refused_files(bench, "D11", files)
    for path in ("../../etc/passwd", "s3://bucket/x.png", "faults/D11/none.png"):
        bench.expect(path, None, "file_not_found" if "none" in path else "path_not_allowed")
        rows.append((path, None))
    good = good_rows(bench, 300)
    order = [(rows + good)[n] for n in bench.rng.permutation(len(rows) + len(good))]
    with same_worker(bench):
        ids = bench.write(order)
        answers = Counter(one.error_code or "predicted" for one in answered(bench, ids))
        said = bench.verdict(minimum=len(order))
    assert answers["predicted"] == len(good)
    return f"{len(good)} predicted, {len(rows)} refused by {len(answers) - 1} codes; {said}"


def _registry_answers(bench: Bench) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{bench.settings.tracking_uri}/health", timeout=2, trust_env=False).is_success
    return False


def _black(number: int) -> bytes:
    """A black image that no other number gives."""
    return encoded(Image.fromarray(np.zeros((32 + number, 32, 3), np.uint8)), "PNG")


def _nothing_happens(rig: Rig) -> None:
    time.sleep(3)
    assert rig.committed() == {}
    assert rig.predictions() == []
    assert not rig.health()["ready"]
