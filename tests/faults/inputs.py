"""Bad rows among good ones, on a running stack, and what a case of them needs beside the bench."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from tests.faults.bench import Bench
from tests.faults.case import NEEDS
from tests.faults.images import Picture

NEEDS["strace"] = lambda: shutil.which("strace") is not None

GOOD = 60
"""Good rows between the bad ones, unless a case says otherwise."""

Written = tuple[str, str | None]
"""Path and digest of a row."""


UNFINISHED = "<unfinished ...>"


@dataclass(frozen=True)
class Mixed:
    """Rows that were written: ids of the bad ones, in the order in which they were given, and of the good ones."""

    bad: Sequence[int]
    good: Sequence[int]


def fresh_pictures(bench: Bench, count: int) -> list[Picture]:
    """Images that the case has not had before."""
    return [picture for _ in range(count) for picture in bench.album.take(next(bench.taken), 1)]


def good_rows(bench: Bench, count: int = GOOD) -> list[Written]:
    """Rows of all classes, each with an image that no other has."""
    rows: list[Written] = []
    for number, picture in enumerate(fresh_pictures(bench, count)):
        row = (picture.path, picture.sha256 if number % 2 else None)
        bench.expect(*row, bench.good(picture))
        rows.append(row)
    return rows


def write_among_good(bench: Bench, bad: Sequence[Written], good: int = GOOD) -> Mixed:
    """Write the bad rows, each behind a good one and before another, in one transaction."""
    fine = good_rows(bench, max(good, len(bad) + 1))
    rows: list[tuple[Written, bool]] = []
    for number, row in enumerate(fine):
        rows.append((row, True))
        if number < len(bad):
            rows.append((bad[number], False))
    ids = bench.write([row for row, _ in rows])
    by_row: dict[Written, list[int]] = {}
    for source_id, row in zip(sorted(ids), rows, strict=True):
        by_row.setdefault(row[0], []).append(source_id)
    return Mixed([by_row[row].pop(0) for row in bad], [i for row in fine for i in by_row.get(row, [])])


def answered(bench: Bench, ids: Sequence[int], timeout_s: float = 120) -> list[Row[Any]]:
    """Wait for the current answers of these rows, and return them in this order."""
    found = bench.pipeline.await_answers(ids, timeout_s)
    return [found[source_id] for source_id in ids]


def refused_files(bench: Bench, folder: str, files: Mapping[str, tuple[bytes, str]]) -> list[Written]:
    """Put the files into the store and expect of their rows that they are refused with their codes."""
    rows: list[Written] = []
    for name, (content, code) in files.items():
        picture = bench.put(f"{folder}/{name}", content)
        bench.expect(picture.path, None, code)
        rows.append((picture.path, None))
    return rows


def refuse(bench: Bench, folder: str, files: Mapping[str, tuple[bytes, str]], good: int = GOOD) -> str:
    """The whole of most cases: the files are refused, each with its code, by a worker that does not notice."""
    rows = refused_files(bench, folder, files)
    with same_worker(bench):
        mixed = write_among_good(bench, rows, good)
        answers = answered(bench, mixed.bad)
        said = bench.verdict(minimum=len(mixed.bad) + len(mixed.good))
    codes = sorted({str(answer.error_code) for answer in answers})
    return f"{len(rows)} files: {', '.join(codes)}, by the same worker process; {said}"


def same_answers(bench: Bench, folder: str, pairs: Mapping[str, tuple[bytes, bytes]], off: float = 0.03) -> str:
    """Each image gets the label of the plain one that shows the same, and a confidence at most `off` away."""
    rows: list[Written] = []
    for name, contents in pairs.items():
        for kind, content in zip(("form", "plain"), contents, strict=True):
            picture = bench.put(f"{folder}/{kind}-{name}", content)
            bench.expect(picture.path, None, bench.good(picture))
            rows.append((picture.path, None))
    with same_worker(bench):
        mixed = write_among_good(bench, rows)
        answers = answered(bench, mixed.bad)
    farthest = 0.0
    for name, form, plain in zip(pairs, answers[::2], answers[1::2], strict=True):
        assert form.label == plain.label, f"{name}: {form.label}, and {plain.label} where it is plain"
        farthest = max(farthest, abs(form.confidence - plain.confidence))
        assert farthest <= off, f"{name}: {form.confidence}, and {plain.confidence} where it is plain"
    said = bench.verdict(minimum=len(rows))
    return (f"{len(pairs)} images: each labelled as the plain image of the same pixels, confidence at most "
            f"{farthest:.3f} off; {said}")


@contextmanager
def same_worker(bench: Bench) -> Iterator[int]:
    """What is done within is survived by the worker's process; its id."""
    pid = bench.services.process("worker-0").pid
    yield pid
    now = bench.services.process("worker-0").pid
    assert now == pid, f"the worker's process was {pid} and is {now}: it ended"


@contextmanager
def paused_worker(bench: Bench) -> Iterator[None]:
    """What is done within is done before the worker sees any of it. Not for as long as its session lasts (10 s)."""
    bench.services.pause("worker-0")
    try:
        yield
    finally:
        bench.services.resume()


def resident_kb(pid: int, field: str = "VmRSS") -> int:
    """A process's memory (VmRSS), or the most that it had (VmHWM), in kB."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


def forget_peak(pid: int) -> None:
    """Let VmHWM begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@dataclass
class Trace:
    """The system calls of a process; `lines` once it is over."""

    file: Path
    lines: list[str]

    def calls(self, *names: str) -> list[str]:
        return [line for line in self.lines if re.search(rf"\b({'|'.join(names)})\(", line)]


@contextmanager
def traced(pid: int, *options: str) -> Iterator[Trace]:
    """Watch a running process's system calls with strace."""
    file = Path(f"/tmp/cargostream-trace-{pid}-{time.monotonic_ns()}")  # noqa: S108 - removed below
    trace = Trace(file, [])
    with subprocess.Popen(["strace", "-f", "-qq", "-s", "400", "-o", str(file), *options, "-p", str(pid)],
                          stderr=subprocess.DEVNULL) as strace:
        try:
            deadline = time.monotonic() + 30
            while not _is_traced(pid):
                assert strace.poll() is None, f"strace cannot attach to {pid}"
                assert time.monotonic() < deadline, f"strace did not attach to {pid} within 30 s"
                time.sleep(0.05)
            yield trace
        finally:
            strace.send_signal(signal.SIGINT)
            try:
                strace.wait(5)
            except subprocess.TimeoutExpired:  # it holds a call, and with it a process that wants to end
                strace.kill()
            trace.lines = list(_whole(file.read_text(errors="replace").splitlines()))
            file.unlink()


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Calls with their results, also where strace broke off to tell of another thread's."""
    begun: dict[str, str] = {}
    for line in lines:
        thread, _, call = line.partition(" ")
        if line.endswith(UNFINISHED):
            begun[thread] = line.removesuffix(UNFINISHED)
        elif resumed := re.fullmatch(r"\s*<\.\.\. \w+ resumed>(.*)", call):
            yield begun.pop(thread, f"{thread} ") + resumed[1]
        else:
            yield line
    yield from begun.values()


def _is_traced(pid: int) -> bool:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return all("TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks)
