"""What a case is given: a running stack, rows that flow through it, faults that are counted, and the verdict."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import psutil
from confluent_kafka import KafkaException
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from benchmarks.stack import Stack
from cargostream.cli.status import read_status
from cargostream.database import engine
from cargostream.errors import CargostreamError
from cargostream.records import DEAD_LETTER_TOPIC, PREDICTIONS_TOPIC, SOURCE_TOPIC
from cargostream.registry import ask_version, open_registry
from cargostream.sql import read_sql
from connectors.status import is_running
from connectors.status import status as connector_status
from operations.flowing import wait_until_flowing
from operations.lags import Lag, connect, read_topics
from tests.faults import collect
from tests.faults.checker import check, counts
from tests.faults.faults import FAULTS
from tests.faults.history import Expected, Fault, History
from tests.faults.images import Album, Picture
from tests.faults.services import Services
from tests.faults.workload import LOAD, LOT, Workload, insistently
from tests.support.pipeline import Pipeline

T = TypeVar("T")

SETTLE_S = 300.0
WORKER_RSS = 1_500_000_000

MISSED_MAX = 5

STARTED = 0.05
"""The share of a load that must be answered before a fault is in the midst of it."""

_albums: dict[Path, Album] = {}


class Bench:
    """One run of one case on a stack that is healthy at its beginning and must be so at its end.

    stack      the commands that users type (`benchmarks.stack.Stack`)
    pipeline   the two databases and the image store (`tests.support.pipeline.Pipeline`)
    services   the processes, to kill, pause and watch
    rng        numpy's generator, from the case's seed: the only source of chance
    rows       how many rows a load has unless the case says otherwise
    figures    what is put in here goes into the report
    slack      how many times its bound a recovery may take: more than 1 only where others use the machine
    repairs    whether the verification may have to mend something: elsewhere what it mended was lost
    judged     how many rows have been judged
    """

    def __init__(self, stack: Stack, seed: int, rows: int = 1000, planned: int = 0, slack: float = 1.0,
                 repairs: bool = False) -> None:
        self.stack, self.seed, self.rows, self.planned, self.slack = stack, seed, rows, planned, slack
        self.repairs, self.judged = repairs, 0
        self.pipeline = Pipeline(stack)
        self.settings = stack.settings
        self.services = Services(stack)
        self.rng = np.random.default_rng(seed)
        store = self.settings.image_store
        self.album = _albums.setdefault(store, Album(store, 2022))
        self.taken = itertools.count(LOAD // 2)
        """Numbers of images that the case takes beside those of its loads."""
        self.artifacts: dict[int, Path] = {}
        """Model artifacts by version, for the oracle, where the worker's own cache does not hold them."""
        self.faults: list[Fault] = []
        self.figures: dict[str, Any] = {}
        self.garbage: set[tuple[int, int, int]] = set()
        """(epoch, partition, offset) of records without a source id that the case put on the source topic."""
        self.loads: list[Workload] = []
        self.hurt_at = time.monotonic()
        self._extra = Workload(self.pipeline, self.album, seed, 0, 1, 1, 0)
        self._admin: Engine = engine(self.settings, "target", "admin")
        self._source_admin: Engine = engine(self.settings, "source", "admin")

    @contextmanager
    def opened(self) -> Iterator["Bench"]:
        """With the audit in place; at the end nothing is left paused, written or watched."""
        self._run_sql("audit")
        self.first = int(collect.ask(self._source_admin, "next_id")[0]["id"])
        self.begin = collect.ends(self.settings.bootstrap)
        self._confirmed = self._confirmed_lsn()
        self._differed = self._found_different()
        self._kafka = connect(self.settings.bootstrap)
        try:
            yield self
        finally:
            self.services.close()
            for load in self.loads:
                load.stop()
            with suppress(DBAPIError):
                self._run_sql("drop_audit")
            for each in (self._admin, self._source_admin, self.pipeline.source, self.pipeline.target):
                each.dispose()

    # Rows

    def load(self, rows: int | None = None, rate: float = 100, burst: float = 0.75, bad: float = 0.05,
             lot: int = LOT, steady: bool = False) -> Workload:
        """Begin to write rows: `burst` of them at once, `lot` a transaction, so that faults find them in flight; the
        rest at `rate` rows/s, with an UPDATE or DELETE now and then unless they are to be `steady`."""
        number = len(self.loads)
        load = Workload(self.pipeline, self.album, self.seed + number, rows or self.rows, rate, burst, bad, lot, number,
                        steady)
        self.loads.append(load)
        self._again = partial(self.load, rows, rate, burst, bad, lot, steady)
        self._base = self.progress()[1]
        load.start()
        return load

    def put(self, name: str, content: bytes) -> Picture:
        """Put a file into the image store, as faults/<name>; its path and digest."""
        return self.album.put(name, content)

    def expect(self, path: str, sha256: str | None, expected: Expected | str) -> None:
        """What the answer to rows of this path and digest must be: `Expected`, or the code of a rejection."""
        self._extra.expect(path, sha256, Expected("rejected", error_code=expected) if isinstance(expected, str)
                           else expected)

    def good(self, picture: Picture) -> Expected:
        """Expect of an image what the oracle says about it."""
        self._extra.pictures.append(picture)
        return Expected("predicted", picture.sha256)

    def write(self, rows: list[tuple[str, str | None]]) -> list[int]:
        """Insert (image_path, sha256) rows of the case's own, in one transaction; their ids. See `expect`."""
        return self._extra.write(rows)

    def forget(self, *ids: int) -> None:
        """These rows were deleted by the case, and are to be there no more."""
        self._extra.acknowledged -= set(ids)
        for load in self.loads:
            load.acknowledged -= set(ids)

    # Faults

    def inject(self, name: str, action: Callable[[], object], low: float = 0.2, high: float = 0.8,
               passed: Callable[[], int] | None = None, at_once: bool = False) -> None:
        """Do it in the midst of the work: at a moment at which between `low` and `high` of the rows of the newest load
        are in the source and have no answer, and others have theirs. How many is counted right before. Where a machine
        is so quick that the moment is missed, there is another load like the last.

        passed: counts the case's rows that are through another stage than their answer (see `captured`, `mirrored`).
        at_once: right after the fault before, whose count stands for this one too: a database may be away.
        """
        if at_once:
            self.faults.append(replace(self.faults[-1], name=name))
            action()
            self.hurt_at = time.monotonic()
            return
        missed = 0
        while True:
            load = self.loads[-1]
            written = load.written()  # first: what is written meanwhile is not taken for missed
            rows, through = self.progress() if passed is None else (self.progress()[0], passed())
            if low <= (rows - through) / load.total <= high and through - self._base >= STARTED * load.total:
                break
            if written and (rows - through) / load.total < low:
                missed += 1
                assert missed < MISSED_MAX, f"the moment for {name!r} was missed {missed} times"
                self._again()
            time.sleep(0.002)
        total = load.total
        self.faults.append(Fault(name, rows - through, total, low, high))
        action()
        self.hurt_at = time.monotonic()

    def strike(self, name: str, low: float = 0.2, high: float = 0.8) -> None:
        """Inject a fault of the table `tests.faults.faults.FAULTS`; see `inject`."""
        self.inject(name, partial(FAULTS[name], self), low, high)

    def progress(self) -> tuple[int, int]:
        """Rows of the case in the source, and those of them that have an answer."""
        answered = int(collect.ask(self._admin, "count_answers", first=self.first)[0]["n"])
        return int(collect.ask(self._source_admin, "count_rows", first=self.first)[0]["n"]), answered

    def captured(self) -> int:
        """Records that the source topic has had since the case began."""
        now = collect.ends(self.settings.bootstrap, (SOURCE_TOPIC,), self._kafka)
        return sum(end - self.begin[at] for at, end in now.items())

    def mirrored(self) -> int:
        """Rows of the case in the mirror."""
        return int(collect.ask(self._admin, "count_rows", first=self.first)[0]["n"])

    def repeats(self) -> int:
        """Answers that came again and agreed, by the guard's count."""
        return int(collect.ask(self._admin, "repeats", first=self.first)[0]["n"])

    def held_wal(self) -> dict[str, Any]:
        """The slot's `wal_status`, and the bytes of the source's log that it holds."""
        return collect.ask(self._source_admin, "held_wal")[0]

    def held_slots(self) -> int:
        """How many logical replication slots the source has."""
        return len(collect.ask(self._source_admin, "held_wal"))

    def agree(self) -> bool:
        """Whether source, mirror and predictions have the same ids, and source and mirror the same rows."""
        rows = set(collect.rows(self._source_admin, self.first))
        answered = {one.source_id for one in collect.answers(self._admin, self.first)}
        return rows == set(collect.rows(self._admin, self.first)) and answered == {row.id for row in rows}

    def count_keys(self, keys: list[str]) -> int:
        """How many rows of the source have one of these ingest keys."""
        return int(collect.ask(self._source_admin, "count_keys", keys=keys)[0]["n"])

    def admin(self, server: str, *statements: str) -> None:
        """Run statements as the superuser of a database, `source` or `target`, each in a transaction of its own."""
        for statement in statements:
            with (self._source_admin if server == "source" else self._admin).begin() as connection:
                connection.exec_driver_sql(statement)

    def until(self, what: str, condition: Callable[[], T], within_s: float = 90) -> T:
        """Wait until a condition holds, whatever is away meanwhile; what it answered."""
        deadline = time.monotonic() + within_s
        while True:
            with suppress(DBAPIError, CargostreamError, httpx.HTTPError, KafkaException):
                if found := condition():
                    return found
            assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}; {self.stack.status()['parts']}"
            time.sleep(0.1)

    # Recovery

    def whole(self, within_s: float = 30) -> float:
        """Wait until the pipeline is whole again: every part is ready, rows flow, and a row written now is answered.
        The seconds since the last fault, which are reported."""
        limit = within_s * self.slack
        deadline = time.monotonic() + max(limit, 60)
        while missing := self.missing():
            assert time.monotonic() < deadline, f"not whole {time.monotonic() - self.hurt_at:.0f} s after: {missing}"
            time.sleep(0.2)
        self.probe(deadline)
        took = time.monotonic() - self.hurt_at
        self.figures.setdefault("whole_s", []).append(round(took, 1))
        assert took <= limit, f"whole again only after {took:.0f} s, {within_s:.0f} s are the bound"
        return took

    def missing(self) -> str | None:
        """What is not in order yet."""
        for name, part in self.stack.status()["parts"].items():
            if part["state"] != "ready" or (part["kind"] == "service" and not self.services.alive(name)):
                return f"{name} is {part['state']}"
        try:
            for connector in connector_status(self.settings):
                if not is_running(connector):
                    return f"{connector['name']}: {connector['state']}, {connector['cause']}"
            for number in range(self.settings.worker_processes):
                address = f"http://{self.settings.host}:{self.settings.worker_port + number}/readyz"
                if httpx.get(address, timeout=5, trust_env=False).status_code != 200:
                    return f"worker-{number} is not ready"
            wait_until_flowing(self.settings, 0)
        except (CargostreamError, httpx.HTTPError) as error:
            return str(error)
        return None

    def probe(self, deadline: float) -> None:
        """A row that needs no image goes all the way."""
        self.expect("../probe", None, "path_not_allowed")
        ids = insistently(lambda: self.write([("../probe", None)]))
        while len(insistently(lambda: self.pipeline.answers(ids))) < len(ids):
            assert time.monotonic() < deadline, f"a row written after the fault has no answer: {self.stack.status()}"
            time.sleep(0.05)

    def settle(self, within_s: float = SETTLE_S) -> float:
        """Wait until all rows are written and nothing is on its way any more; the seconds since the last fault."""
        for load in self.loads:
            load.finish()
        deadline = time.monotonic() + within_s
        while missing := self.missing():
            assert time.monotonic() < deadline, f"not whole within {within_s:.0f} s: {missing}"
            time.sleep(0.5)
        self.probe(deadline)
        # The source's order is the topic's: all that was written before the probe is on the topic, and what is
        # acknowledged by every reader has arrived.
        while self._lags(within_s=0) or self._behind():
            if time.monotonic() > deadline:
                break  # the checker says what is lost
            time.sleep(0.3)
        return time.monotonic() - self.hurt_at

    def _behind(self) -> bool:
        rows, answered = self.progress()
        return answered < rows

    # Verdict

    def verdict(self, whole_within: float | None = None, minimum: int | None = None) -> str:
        """Wait until the pipeline is whole and has caught up, judge every row, and say what was seen.

        whole_within: the bound in seconds, after the last fault, if the case has one (see `whole`).
        minimum: rows that the case must have had; by default those of its loads.
        """
        if whole_within is not None:
            self.whole(whole_within)
        caught_up = self.settle()
        rows = sum(load.total - load.deleted for load in self.loads)
        history = self.history(rows if minimum is None else minimum)
        found = check(history)
        self.judged = len(history.rows)
        self.figures |= counts(history) | {"caught_up_s": round(caught_up, 1)}
        assert not found, f"{len(found)} violations: " + "; ".join(map(str, found[:20]))
        return self.seen(history)

    def seen(self, history: History) -> str:
        """One sentence with the figures."""
        n = self.figures
        words = [f"{n['rows']:,} rows: lost 0, doubled 0, wrong 0, phantom 0"]
        if self.faults:
            shares = ", ".join(f"{fault.in_flight:,} ({fault.share:.0%})" for fault in self.faults)
            words.append(f"in flight at the fault: {shares}")
        if "whole_s" in n:
            words.append("whole again after " + ", ".join(f"{s:.1f}" for s in n["whole_s"]) + " s")
        if self.faults:
            words.append(f"caught up after {n['caught_up_s']:.1f} s")
        words.append(f"{n['repeats']} repeats in the topic")
        return "; ".join(words)

    def history(self, minimum: int) -> History:
        """Everything that happened, as data."""
        bootstrap = self.settings.bootstrap
        read = {topic: collect.records(bootstrap, topic, self.begin) for topic in collect.TOPICS}
        answers = collect.answers(self._admin, self.first)
        writes = collect.writes(self._admin, self.first)
        texts = {f"topic {topic}": b"\n".join(message.value() or b"" for message in messages)
                 for topic, messages in read.items()}
        texts["Connect's answers"] = httpx.get(f"{self.settings.connect_url}/connectors?expand=info&expand=status",
                                               timeout=30, trust_env=False).content
        loads = [self._extra, *self.loads]
        versions = {answer.model_version for answer in answers} | {write.answer.model_version for write in writes}
        return History(
            rows=collect.rows(self._source_admin, self.first),
            acknowledged=frozenset().union(*(load.acknowledged for load in loads)),
            expected={key: value for load in loads for key, value in load.expected.items()},
            oracle=self._oracle([picture for load in loads for picture in load.pictures], versions - {None, 0}),
            answers=answers, mirror=collect.rows(self._admin, self.first), writes=writes,
            copies=collect.copies(self._admin, self.first),
            sent=collect.sent(read[PREDICTIONS_TOPIC]),
            captured=collect.captured(read[SOURCE_TOPIC], collect.epoch(self.settings)),
            dead=collect.dead(read[DEAD_LETTER_TOPIC]), garbage=frozenset(self.garbage),
            conflicts=int(collect.ask(self._admin, "conflicts", first=self.first)[0]["n"]),
            faults=tuple(self.faults), planned=self.planned, minimum=minimum,
            mended=0 if self.repairs else self._found_different() - self._differed,
            trouble=self._trouble(), leaks=collect.leaks(self.settings, texts))

    def _oracle(self, pictures: list[Picture], versions: set[Any]) -> dict[tuple[str, int], tuple[str, float]]:
        return {(sha256, version): said for version in versions
                for sha256, said in self.album.answers(pictures, self._artifact(version)).items()}

    def _artifact(self, version: int) -> Path:
        """Where the artifact of a version lies, by the digest that the registry has for it."""
        if version not in self.artifacts:
            with open_registry(self.settings.tracking_uri) as registry:
                found = ask_version(registry, self.settings.model_name, version)
            assert found is not None, f"the registry has no version {version}"
            assert found.digest is not None, f"version {version} has no digest"
            self.artifacts[version] = self.settings.home / "models" / found.digest
        return self.artifacts[version]

    def _trouble(self) -> list[str]:
        """Why the pipeline is not well, or not bounded."""
        trouble = [str(reason) for reason in read_status(self.settings)["reasons"]]
        trouble += [f"{lag.group} has {lag.records} records of {lag.topic} before it" for lag in self._lags()]
        if self._confirmed_lsn() <= self._confirmed:
            trouble.append("the slot's confirmed position does not advance")
        for number in range(self.settings.worker_processes):
            rss = psutil.Process(self.services.process(f"worker-{number}").pid).memory_info().rss
            self.figures[f"worker_{number}_mb"] = round(rss / 1e6)
            if rss > WORKER_RSS:
                trouble.append(f"worker-{number} uses {rss / 1e6:.0f} MB")
        return trouble

    def _lags(self, within_s: float = 10) -> list[Lag]:
        """Readers that stay behind: events and repairs come at any moment, and are soon read."""
        deadline = time.monotonic() + within_s
        # Below 0: what came between the look at the topic's end and that at the group's position is read already.
        while lags := [lag for lag in read_topics(self.settings.bootstrap).lags if lag.records > 0]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.3)
        return lags

    def _found_different(self) -> int:
        """Rows that the background verification has found lost, left over or wrong so far."""
        found = collect.ask(self._admin, "found_different")
        return int(found[0]["found"]) if found else 0

    def _confirmed_lsn(self) -> int:
        found = collect.ask(self._source_admin, "confirmed")
        return int(found[0]["confirmed"]) if found else -1

    def _run_sql(self, name: str) -> None:
        with self._admin.begin() as connection:
            connection.exec_driver_sql(read_sql("tests.faults.sql", name))


def now() -> str:
    """This moment, for reports."""
    return datetime.now(UTC).isoformat(timespec="seconds")
