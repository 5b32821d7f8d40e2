"""The alias moves while rows stream: each row is answered by one version, in time, and no row waits for a swap."""

import shutil
import threading
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from tests.support.following import artifact
from tests.support.registry import Registry
from tests.support.workers import Rig

SWAPS = 20
RATE = 50


def test_each_row_is_answered_by_one_version_while_the_alias_moves(
    registry: Registry, rig: Rig, tmp_path: Path
) -> None:
    name = "moving"
    shifts = {artifact(registry, name, tmp_path / f"model-{shift}", shift=shift): shift for shift in (0, 1)}
    first, second = shifts
    registry.promote(name, first)
    shutil.rmtree(rig.home / "models")
    rig.start(mlflow_port=registry.port, model_name=name, alias_poll_s=0.2)
    rig.ready()
    for target in range(5):
        rig.draw(f"{target}.png", target)
    sent, stop = [], threading.Event()

    def stream() -> None:
        while not stop.wait(1 / RATE):
            rig.row(len(sent), f"{len(sent) % 5}.png")
            sent.append(time.time())

    streaming = threading.Thread(target=stream)
    streaming.start()
    moved: list[float] = []
    try:
        for turn in range(SWAPS):
            version = (second, first)[turn % 2]
            registry.promote(name, version)
            moved.append(time.time())
            rig.wait(f"version {version}", lambda version=version: rig.health().get("model_version") == version)
            time.sleep(0.2)  # a while with each
    finally:
        stop.set()
        streaming.join(30)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == len(sent))

    answers = rig.predictions()
    assert sorted(a.source_id for a in answers) == list(range(len(sent))), "each once"
    for a in answers:
        assert a.target is not None
        assert a.model_version is not None
        assert (a.target + shifts[a.model_version]) % 5 == a.source_id % 5, "not what that version says"
    said = sorted((datetime.fromisoformat(a.predicted_at or "").timestamp(), a.model_version or 0) for a in answers)
    assert sum(before != after for (_, before), (_, after) in pairwise(said)) >= SWAPS
    for turn, moment in enumerate(moved):
        version = (second, first)[turn % 2]
        assert min(at for at, by in said if by == version and at > moment) - moment <= 5
    delays = [datetime.fromisoformat(a.predicted_at or "").timestamp() - sent[a.source_id] for a in answers]
    assert max(delays) < 2, "a row waited for a swap"
