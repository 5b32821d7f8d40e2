"""A challenger at work in shadow: it answers a share of the rows too, for the history, and touches no answer.

It is asked in a process of its own, after the broker has the champion's answer. So one that fails, hangs or ends its
process costs the worker nothing, and no record comes under suspicion for it. What it says may be lost.
"""

import hashlib
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Pipe
from queue import Full, Queue
from threading import Thread
from typing import NamedTuple

import msgspec

from cargostream.errors import ModelRefused, Unavailable
from cargostream.records import PREDICTIONS_TOPIC
from stream_worker.outcomes import Coordinates, Outgoing, Predicted
from stream_worker.work import Work

OPEN_S = 60.0
END_S = 10.0

WAITING_MAX = 8
"""Rows that may wait for the challenger; of more, only the number is kept."""


class Post(msgspec.Struct, frozen=True):
    """All that a challenger's process needs to know before the first row."""

    model: str
    version: int
    digest: str
    labels: tuple[str, ...]
    store: str
    max_bytes: int
    max_pixels: int


class Row(NamedTuple):
    """A record of the source topic; `received` is in ISO 8601."""

    at: Coordinates
    key: bytes | None
    value: bytes | None
    received: str


def chosen(key: bytes | None, share: float) -> bool:
    """Whether a row is one of the share that challengers answer: by its key alone, so that every worker and every
    challenger has the same rows."""
    # Not a checksum such as CRC-32: ids that follow one another would be chosen in runs.
    return key is not None and int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") < share * 2**64


class Shadow:
    """A challenger, open and waiting for rows. `send` and `failed` are called from its thread; `failed` hears why it
    ended, if nobody closed it.

    Raises:
        ModelRefused: it is no good, or ends its process.
        Unavailable: its process cannot be had, or does not get to it in time.
    """

    def __init__(self, post: Post, timeout_s: float, send: Callable[[Outgoing], None],
                 failed: Callable[["Shadow", str], None]) -> None:
        self.version, self.digest = post.version, post.digest
        self.counts = Counter(answered=0, unanswered=0, skipped=0)
        self._timeout_s, self._send, self._failed = timeout_s, send, failed
        self._rows: Queue[Row | None] = Queue(WAITING_MAX)
        self._closed = False
        try:
            self._pipe, theirs = Pipe()
            with theirs:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", "stream_worker.understudy", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL)
        except OSError as error:
            raise Unavailable(f"A process for the challenger cannot be had: {error}.") from error
        self._open(post)
        Thread(target=self._serve, name="shadow", daemon=True).start()

    def offer(self, work: Work, share: float, room: bool) -> None:
        """Have a record answered that the champion has answered, if it is chosen and there is `room`."""
        if not isinstance(work.answer, Predicted) or work.answer.served.version == self.version:
            return
        if not chosen(work.key, share):
            return
        try:
            if not room:
                raise Full
            self._rows.put_nowait(Row(work.at, work.key, work.value, work.received.isoformat()))
        except Full:
            self.counts["skipped"] += 1

    def close(self) -> None:
        """End it, whatever it is at."""
        self._closed = True
        self._child.kill()
        with suppress(Full):  # then its thread has a row to ask about, and finds that there is nobody to ask
            self._rows.put_nowait(None)

    def _serve(self) -> None:
        error = None
        try:
            while (row := self._rows.get()) is not None:
                said = self._ask(row, self._timeout_s)
                self.counts["answered" if said else "unanswered"] += 1
                if said:
                    key, value = msgspec.msgpack.decode(said, type=tuple[bytes, bytes])
                    self._send(Outgoing(PREDICTIONS_TOPIC, row.at.partition, key, value, []))
        except Exception as ended:  # whatever it is, it is the challenger that goes
            error = ended
        why = self._end(error)
        if not self._closed:
            self._failed(self, f"The challenger was given up at a row: {why}.")

    def _open(self, post: Post) -> None:
        try:
            refusal = self._ask(post, OPEN_S).decode()
        except TimeoutError as error:
            raise Unavailable(f"The challenger could not be opened: {self._end(error)}.") from error
        except (OSError, EOFError) as error:
            raise ModelRefused(f"The challenger could not be opened: {self._end(error)}.") from error
        if refusal:
            self._end(None)
            raise ModelRefused(refusal)

    def _ask(self, what: Post | Row, timeout_s: float) -> bytes:
        """What the process says to it. Raises OSError or EOFError: nothing, in that time or for ever."""
        self._pipe.send_bytes(msgspec.msgpack.encode(what))
        if not self._pipe.poll(timeout_s):
            raise TimeoutError(f"it took longer than {timeout_s:g} s")
        return self._pipe.recv_bytes()

    def _end(self, error: Exception | None) -> str:
        """See its process off; what became of it, in words."""
        if error is None or isinstance(error, TimeoutError):
            self._child.kill()
        with suppress(subprocess.TimeoutExpired):  # where the pipe has ended, its process has, or is about to
            self._child.wait(END_S)
        self._child.kill()
        self._pipe.close()
        status = self._child.wait()
        if isinstance(error, TimeoutError):
            return str(error)
        return f"its process ended by {signal.Signals(-status).name}" if status < 0 else f"its process ended ({status})"
