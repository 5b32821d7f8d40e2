"""Disks that are full: the broker's, the target's, the model cache's. Each is a small file system of its own."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from benchmarks.stack import Stack, fresh_stack
from tests.faults.bench import Bench
from tests.faults.case import case
from tests.faults.small_disk import full, small_disk
from tests.faults.stacks import CACHE
from tests.support.artifacts import write_artifact


def on_small_disk(folder: Callable[[Path], Path], megabytes: int) -> Callable[[], AbstractContextManager[Stack]]:
    """A stack one of whose folders, found from its home, is on a small disk."""
    @contextmanager
    def started() -> Iterator[Stack]:
        with fresh_stack(CACHE) as stack:
            stack.run("up")
            stack.run("down")
            with small_disk(folder(stack.home), megabytes):
                stack.run("up")
                try:
                    yield stack
                finally:
                    stack.run("down")
    return started


def brokers(home: Path) -> Path:
    return home / "data" / "kafka"


def targets(home: Path) -> Path:
    return (home / "data" / "postgres").resolve() / "data" / "target"


def models(home: Path) -> Path:
    return home / "models"


@case("A17", "the broker's log folder full (a file system of 150 MB)",
      "the broker ends or refuses; once there is room, nothing acknowledged is lost", faults=1, needs=("root",),
      stack=on_small_disk(brokers, 150))
def broker_full(bench: Bench) -> str:
    before = bench.services.restarts("kafka")
    bench.load()
    with ExitStack() as stack:
        bench.inject("disk full", lambda: stack.enter_context(full(brokers(bench.stack.home))))
        bench.until("the broker ends for want of room",
                    lambda: bench.services.restarts("kafka") > before + 1 or not bench.services.alive("kafka"), 120)
        time.sleep(10)
    bench.hurt_at = time.monotonic()
    seen = bench.verdict(whole_within=60)
    return f"the broker was started {bench.services.restarts('kafka') - before} times; after room was made: {seen}"


@case("A18", "the target's disk full (a file system of 300 MB)",
      "the sink tries again, no row is half there; once there is room, all is caught up with", faults=1,
      needs=("root",), stack=on_small_disk(targets, 300))
def target_full(bench: Bench) -> str:
    bench.load()
    with ExitStack() as stack:
        bench.inject("disk full", lambda: stack.enter_context(full(targets(bench.stack.home))))
        missing = bench.until("it is felt", bench.missing, 120)
        time.sleep(20)
    bench.hurt_at = time.monotonic()
    seen = bench.verdict(whole_within=60)
    return f"while it was full: {missing}; after room was made: {seen}"


@case("A19", "the model cache full (a file system of 20 MB) during a promotion; then at a start without a model",
      "the version in service goes on; a start without any model waits, and says why", faults=2, needs=("root",),
      stack=on_small_disk(models, 20))
def cache_full(bench: Bench) -> str:
    stack, folder = bench.stack, models(bench.stack.home)
    other, before = bench.stack.home / "run" / "other", bench.services.health(0)["champion"]
    first, digest = int(before["version"]), str(before["digest"])
    write_artifact(other)
    with ExitStack() as until_free:
        def promote() -> None:
            until_free.enter_context(full(folder))
            stack.name(stack.register(other))

        bench.load()
        bench.inject("disk full, and a promotion", promote)
        served = bench.until("the worker tells why it does not follow", lambda: _no_space(bench), 60)
        bench.loads[-1].finish()
        bench.settle()
        assert bench.services.health(0)["model_version"] == first
    bench.until("the version is followed", lambda: bench.services.health(0)["model_version"] == first + 1)

    first_kept = bench.stack.home / "run" / "first"  # for the oracle
    shutil.copytree(folder / digest, first_kept)
    bench.artifacts = {first: first_kept, first + 1: other}
    for each in folder.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    with full(folder):
        bench.load()
        bench.inject("disk full, no model, and a start", lambda: bench.services.kill("worker-0"))
        waited = bench.until("it waits and says why", lambda: _no_space(bench), 90)
        assert bench.services.health(0)["ready"] is False
    bench.hurt_at = time.monotonic()
    return f"in service: {served}; at the start: {waited}; {bench.verdict(whole_within=60)}"


def _no_space(bench: Bench) -> str | None:
    problem = bench.services.health(0).get("champion", {}).get("problem") or ""
    return problem if "No space left" in problem else None
