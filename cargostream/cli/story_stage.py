"""What the acts of the story share: rows that stream, commands that run beside them, waiting, and telling."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from cargostream.cli import children
from cargostream.cli.children import Child
from cargostream.errors import CargostreamError
from cargostream.settings import Settings

if TYPE_CHECKING:
    from operations.story.rows import StoryRow
    from operations.story.tale import Tale

LATE_LABELS_S = 2.0
EVERY_S = 0.5
TELL_EVERY_S = 15.0


@dataclass
class Stage:
    """What the acts share. `runs` are the producer's runs so far, the last one going on."""

    settings: Settings
    source: Engine
    target: Engine
    tale: "Tale"
    processes: list[Child]
    say: Callable[[str], None]
    rate: float
    seed: int
    runs: list[str] = field(default_factory=list)
    producer: Child | None = None
    ended_early: str = ""

    def tell(self, name: str, words: str, at: float | None = None) -> None:
        """A moment: into the tale, and onto the screen."""
        from operations.story.report import clock

        moment = self.tale.tell(name, time.time() if at is None else at, words)
        self.say(f"{clock(moment.at - self.tale.moments[0].at)}  {words}")

    def stream(self, part: str, images: str) -> None:
        """From now on rows of the set `images` come, as run `<story>-<part>`."""
        self.silence()
        self.runs.append(f"{self.tale.name}-{part}")
        home, store = self.settings.home, self.settings.image_store
        self.producer = children.start(
            home, "producer", "produce", "--run", self.runs[-1], "--rate", str(self.rate), "--seed",
            str(self.seed + len(self.runs)), "--images", str(store / f"{images}.jsonl"),
            "--late-labels", str(LATE_LABELS_S))
        self.processes.append(self.producer)

    def silence(self) -> None:
        """No more rows of the run that goes on."""
        if self.producer is not None:
            self.producer.terminate()
            children.end(self.producer)
            children.expect(self.producer, self.settings.home, "producer")
            self.producer = None

    def rows(self, since: float = 0.0) -> "list[StoryRow]":
        """The answered rows, as they stand now."""
        from operations.story.rows import read_rows

        return read_rows(self.target, self.tale.name, self.tale.since_id, since)

    def wait(self, what: str, done: Callable[[], Any], deadline_s: float,
             going: Callable[[], str] | None = None) -> Any:
        """What `done` gives once it is true. `going` tells how it is going, every now and then.

        Raises:
            CargostreamError: it did not come to pass, rows stopped coming, or the stack ended.
        """
        from cargostream.cli.stack import running

        deadline, told = time.monotonic() + deadline_s, time.monotonic()
        while not (found := done()):
            if self.producer is not None and self.producer.poll() is not None:
                children.expect(self.producer, self.settings.home, "producer")
                raise CargostreamError("The producer ended; see `cargostream logs producer`.")
            if not running(self.settings):
                raise CargostreamError("The stack was stopped; see `cargostream logs supervisor`.")
            if time.monotonic() > deadline:
                raise CargostreamError(f"Waited {deadline_s:.0f} s in vain for this: {what}. See `cargostream status`.")
            if time.monotonic() - told > TELL_EVERY_S:
                told = time.monotonic()
                self.say(f"       … waiting: {going() if going else what}")
            time.sleep(EVERY_S)
        return found

    def command(self, log: str, *command: str, deadline_s: float, nice: int = 0, what: str) -> dict[str, Any]:
        """Run a `cargostream` command beside the stream; its answer as JSON.

        Raises:
            CargostreamError: it failed; with its last words.
        """
        result = self.settings.home / "logs" / f"{log}.json"
        child = children.start(self.settings.home, log, *command, "--json", result=result, nice=nice)
        self.processes.append(child)
        self.wait(what, lambda: child.poll() is not None, deadline_s,
                  lambda: f"{what}: {children.last_words(self.settings.home, log)}")
        answer = _parsed(result)
        if child.returncode and not answer:
            children.expect(child, self.settings.home, log)
        return answer | {"exit": child.returncode, "words": children.last_words(self.settings.home, log)}


def _parsed(result: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(result.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return {}
