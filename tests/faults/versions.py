"""Versions of the model on a running stack: registered past all checks, made champion, and back."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cargostream.records import CHAMPION
from cargostream.registry import ask_aliases, open_registry
from tests.faults.bench import Bench
from tests.support.artifacts import write_artifact
from tests.support.registry import Registry


@contextmanager
def live_registry(bench: Bench) -> Iterator[tuple[Registry, Path]]:
    """The stack's own registry, for adding what nobody checks, and a folder for artifacts."""
    with tempfile.TemporaryDirectory(prefix="cargostream-versions-") as folder:
        yield Registry(Path(folder), bench.settings.mlflow_port), Path(folder)


@contextmanager
def champion_kept(bench: Bench) -> Iterator[int]:
    """Whoever is champion is it again at the end, and serves; its version."""
    with open_registry(bench.settings.tracking_uri) as registry:
        current = ask_aliases(registry, bench.settings.model_name)[CHAMPION]
    try:
        yield current
    finally:
        bench.stack.name(current)
        await_version(bench, current)


def serve(bench: Bench, registry: Registry, folder: Path, **artifact: Any) -> int:
    """Register an artifact, make it champion, wait until the worker serves it; its version."""
    digest = write_artifact(folder, **artifact)
    version = registry.add(bench.settings.model_name, folder, digest)
    bench.artifacts[version] = folder
    bench.stack.name(version)
    await_version(bench, version)
    return version


def await_version(bench: Bench, version: int) -> None:
    bench.pipeline.wait(f"version {version} serves", lambda: (
        ready(bench).get("model_version"), ready(bench).get("champion", {}).get("problem")) == (version, None), 120)


def ready(bench: Bench, index: int = 0) -> dict[str, Any]:
    """What a worker says of itself."""
    return bench.services.health(index)
