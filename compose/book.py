"""What is known of the parts of one run, kept in `run/status.json` and written anew at each change."""

import asyncio
import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from compose.parts import Part, Repeated, Service, longest_stop

log = logging.getLogger(__name__)


@dataclass
class Status:
    """What `status.json` says of a part; `seconds` is from the start of the part's own work until it was ready."""

    kind: Literal["service", "step"]
    state: Literal["waiting", "starting", "ready", "failed", "stopped", "backoff"] = "waiting"
    pid: int | None = None
    seconds: float | None = None
    restarts: int = 0
    error: str | None = None


class Book:
    """`flowing` names the parts that rows need to flow. A part is ready once and for all: what needs it starts then."""

    def __init__(self, home: Path, parts: Sequence[Part], flowing: Sequence[str] = ()) -> None:
        self.status = {part.name: Status("service" if isinstance(part, Service) else "step")
                       for part in parts if not isinstance(part, Repeated)}
        self.ready = {name: asyncio.Event() for name in self.status}
        self.stop_s = longest_stop(parts) + 3
        self.written = True
        self._file = home / "run" / "status.json"
        self._flowing = set(flowing)
        self._began = time.monotonic()
        self._began_at = datetime.now(UTC).isoformat()
        self._times: dict[str, float] = {}

    def set(self, name: str, **changes: object) -> None:
        """Note what has changed about a part."""
        for key, value in changes.items():
            setattr(self.status[name], key, value)
        self.write()

    def note_ready(self, name: str, seconds: float) -> None:
        """A part is ready, `seconds` after its work began; the first time counts."""
        first = self.status[name].seconds
        self.ready[name].set()
        self.set(name, state="ready", seconds=round(seconds, 2) if first is None else first, error=None)

    def write(self) -> None:
        """Write what is known; where that cannot be done, parts are kept running all the same."""
        ready = {name for name, event in self.ready.items() if event.is_set()}
        now = round(time.monotonic() - self._began, 2)
        if self._flowing and self._flowing <= ready:
            self._times.setdefault("flowing_s", now)
        if ready == set(self.status):
            self._times.setdefault("ready_s", now)
        text = json.dumps({"pid": os.getpid(), "started_at": self._began_at, "flowing_s": None, "ready_s": None,
                           "stop_s": self.stop_s, **self._times,
                           "parts": {name: asdict(status) for name, status in self.status.items()}})
        temporary = self._file.with_suffix(".new")
        try:
            temporary.write_text(text)
            temporary.rename(self._file)
        except OSError as error:
            if self.written:  # once, not at every change
                log.error("%s could not be written: %s", self._file, error)
            self.written = False
        else:
            self.written = True
