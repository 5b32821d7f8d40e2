"""What tests of promotion share: a registry, evaluation sets of plain colours, and artifacts that are good or bad at
them in known ways."""

import hashlib
import json
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from cargostream.cli import main
from cargostream.records import CHAMPION
from cargostream.settings import Settings
from model_registry.gates import Margins
from model_registry.judge import SETS, Comparison, LiveMode, judge
from model_registry.mlflow_rest import Version, alias_of, find_version, versions_of
from model_registry.promote import crown
from model_registry.register import register
from stream_worker.memory import class_colour
from tests.support.artifacts import write_artifact
from tests.support.postgres import free_port
from tests.support.registry import Registry, running_registry

LIGHT = {"monday": 1.0, "tuesday": 0.4}
"""Tuesday is dark: the plain artifact is right on all of Monday and a fifth of Tuesday, `any_light` on all of both."""

EACH = 5
"""Images of each class a day."""


class Done(NamedTuple):
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Arena:
    """A registered model of the test's own, and what happens to it."""

    registry: Registry
    store: Path
    settings: Settings
    folder: Path
    captured: pytest.CaptureFixture[str]
    _made: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.settings.model_name

    def enter(self, **traits: Any) -> int:
        """Register an artifact with these traits; its version."""
        self._made.append(str(traits))
        folder = self.folder / f"artifact-{len(self._made)}"
        write_artifact(folder, **traits)
        return register(self.settings, folder).version

    def enter_unchecked(self, folder: Path, digest: str | None = None) -> int:
        return self.registry.add(self.name, folder, digest)

    def judge(self, version: int, live: LiveMode = "ignore", **margins: float) -> Comparison:
        versions = versions_of(self.settings.tracking_uri, self.name)
        return judge(self.settings, alias_of(versions, CHAMPION), find_version(versions, self.name, str(version)),
                     Margins(**{"slowdown": 20.0} | margins), live, lambda name: self.store / f"{name}.jsonl",
                     lambda name, done, total: None)

    def promote(self, version: int, **margins: float) -> Comparison:
        compared = self.judge(version, **margins)
        crown(self.settings, compared)
        return compared

    def version(self, number: int) -> Version:
        return find_version(versions_of(self.settings.tracking_uri, self.name), self.name, str(number))

    @property
    def champion(self) -> int | None:
        found = alias_of(versions_of(self.settings.tracking_uri, self.name), CHAMPION)
        return found and found.version

    def command(self, *words: str) -> Done:
        """`cargostream model …`, in this process: starting one costs more than most commands."""
        env = {"CARGOSTREAM_HOME": str(self.settings.home), "MLFLOW_TRACKING_URI": self.settings.tracking_uri,
               "CARGOSTREAM_MODEL_NAME": self.name, "CARGOSTREAM_IMAGES": str(self.store),
               "CARGOSTREAM_KAFKA_PORT": str(free_port()), "CARGOSTREAM_TARGET_PORT": str(self.settings.target_port)}
        code = 0
        self.captured.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            for key, value in env.items():
                patch.setenv(key, value)
            patch.setattr(sys, "argv", ["cargostream", "model", *words])
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
        return Done(code, *self.captured.readouterr())


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("mlflow")) as registry:
        yield registry


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("store")
    for day, name in SETS.items():
        lines = []
        for target in range(5):
            colour = tuple(round(part * LIGHT[day]) for part in class_colour(target))
            path = store / name / f"{target}.png"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (40, 40), colour).save(path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            lines += [json.dumps({"image_path": f"{name}/{target}.png", "target": target, "sha256": digest})] * EACH
        (store / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return store


@pytest.fixture
def arena(registry: Registry, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Arena:
    settings = Settings(home=tmp_path / "home", mlflow_tracking_uri=registry.uri, target_port=free_port(),
                        model_name=f"model-{secrets.token_hex(4)}")
    return Arena(registry, store, settings, tmp_path, capsys)
