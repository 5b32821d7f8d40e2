"""A stack of the benchmarks' own: a home folder apart, the same downloads, driven by the commands that users type."""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cargostream.errors import CargostreamError
from cargostream.records import CHAMPION
from cargostream.settings import Settings, load_settings


@dataclass(frozen=True)
class Stack:
    """A home folder and the commands run in it."""

    home: Path
    cache: Path

    @property
    def settings(self) -> Settings:
        """As they stand now: the runner may have moved ports."""
        return load_settings(self.home).model_copy(update={"cache": self.cache})

    def run(self, *command: str, deadline_s: float = 600) -> str:
        """Run a `cargostream` command; its standard output.

        Raises:
            CargostreamError: it failed or took longer than the deadline.
        """
        variables = {**os.environ, "CARGOSTREAM_HOME": str(self.home), "CARGOSTREAM_CACHE": str(self.cache)}
        try:
            done = subprocess.run([sys.executable, "-m", "cargostream", *command], env=variables, text=True,
                                  capture_output=True, timeout=deadline_s, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            words = error.stderr.decode() if isinstance(error.stderr, bytes) else error.stderr
            typed = f"cargostream {' '.join(command)}"
            raise CargostreamError(f"`{typed}` failed: {error}\n{(words or '')[-3000:]}") from error
        return done.stdout

    def status(self) -> dict[str, Any]:
        """What the runner says of its parts."""
        text = (self.home / "run" / "status.json").read_text(encoding="utf-8")
        return dict(json.loads(text))

    def register(self, folder: Path) -> int:
        """Register the artifact in `folder`; its version."""
        return int(json.loads(self.run("model", "register", str(folder), "--json"))["version"])

    def name(self, version: int, alias: str = CHAMPION) -> None:
        """Let an alias point at a version, past all gates."""
        settings = self.settings
        httpx.post(f"{settings.tracking_uri}/api/2.0/mlflow/registered-models/alias", timeout=30, json={
            "name": settings.model_name, "alias": alias, "version": str(version)}).raise_for_status()

    def serve(self, folder: Path, deadline_s: float = 180) -> int:
        """Register the artifact in `folder`, make it champion and wait until the worker serves it; its version."""
        version = self.register(folder)
        self.name(version)
        settings = self.settings
        address = f"http://{settings.host}:{settings.worker_port}/readyz"
        deadline = time.monotonic() + deadline_s
        while httpx.get(address, timeout=10).json().get("model_version") != version:
            if time.monotonic() > deadline:
                raise CargostreamError(f"The worker did not take over version {version} within {deadline_s:.0f} s; "
                                       f"see {self.home / 'logs'}.")
            time.sleep(0.2)
        return version


@contextmanager
def fresh_stack(cache: Path) -> Iterator[Stack]:
    """A stack in a temporary folder, not yet started, stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="cargostream-") as folder:
        stack = Stack(Path(folder), cache)
        # Stacks that are started side by side on the usual ports take each other's between two starts.
        moved = random.randrange(2_000, 13_000, 100)  # noqa: S311
        (stack.home / "stack.env").write_text("".join(
            f"CARGOSTREAM_{name.upper()}={field.default + moved}\n" for name, field in Settings.model_fields.items()
            if name.endswith("_port")))
        try:
            yield stack
        finally:
            stack.run("reset", "--yes")
