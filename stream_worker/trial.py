"""Tries a suspected record in a process of its own, which may die of it.

Only the child's own end (by a fault of its code, too) or time-out counts, and only after it has said that it is ready,
with its model open and the store in reach: what keeps it from getting there is not the record's doing.
"""

import select
import subprocess
import sys
from pathlib import Path

import msgspec

from cargostream.errors import Unavailable
from cargostream.images import MARKER, FolderStore
from cargostream.process import die_with_parent
from cargostream.served import open_model
from stream_worker.handler import handle
from stream_worker.outcomes import NotYet, Wait

READY = b"ready\n"
READY_S = 60.0
TRIES = 2


class Case(msgspec.Struct, frozen=True):
    """All that the child needs to know."""

    key: bytes | None
    value: bytes | None
    model: str
    store: str
    max_bytes: int
    max_pixels: int
    timeout_s: float


def convicted(case: Case) -> bool:
    """Whether the record ends a process twice. Blocks for up to twice the time that an image may take.

    Raises:
        Unavailable: the trial could not be held.
    """
    return all(_dies(case) for _ in range(TRIES))


def _dies(case: Case) -> bool:
    with subprocess.Popen([sys.executable, "-m", "stream_worker.trial"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as child:
        try:
            if child.stdin is None or child.stdout is None:
                raise Unavailable("The trial of a record has no pipes to its process.")
            child.stdin.write(msgspec.msgpack.encode(case))
            child.stdin.close()
            if not select.select([child.stdout], [], [], READY_S)[0] or child.stdout.readline() != READY:
                raise Unavailable("The trial of a record could not begin: the store or the model is out of reach.")
            return child.wait(timeout=case.timeout_s) != 0
        except subprocess.TimeoutExpired:
            return True
        except BrokenPipeError as error:
            raise Unavailable("The trial of a record could not begin: its process ended.") from error
        finally:
            child.kill()


def main() -> None:
    """The child: reads a case from standard input, says that it is ready, handles the record."""
    die_with_parent()
    case = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Case)
    model = open_model(Path(case.model), 1)
    if not Path(case.store, MARKER).is_file():
        sys.exit("the store is not there")
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    outcome = handle(case.key, case.value, FolderStore(Path(case.store), case.max_bytes), model,
                     max_pixels=case.max_pixels, patient=False)
    if isinstance(outcome, NotYet) and outcome.wait is Wait.FAULT:
        sys.exit(outcome.detail)


if __name__ == "__main__":
    main()
