"""The process of a challenger: see `stream_worker.shadow`.

It says first why the model is refused, or nothing if it is not; then, to each row, what to send for it, or nothing.
"""

import os
import sys
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from cargostream.errors import ModelRefused, RejectCode
from cargostream.images import FolderStore
from cargostream.process import die_with_parent
from cargostream.served import ServedModel, open_model
from stream_worker.handler import handle
from stream_worker.outcomes import Predicted, Rejected, to_record
from stream_worker.shadow import Post, Row

NICE = 10
"""Live rows come first, also for the cores."""


def main() -> None:
    """Answer rows until nobody asks any more."""
    die_with_parent()
    os.nice(NICE)
    pipe: Connection[bytes, bytes] = Connection(int(sys.argv[1]))
    post = msgspec.msgpack.decode(pipe.recv_bytes(), type=Post)
    try:
        model = open_model(Path(post.model), version=post.version, digest=post.digest, labels=post.labels)
    except ModelRefused as error:
        pipe.send_bytes(str(error).encode())
        return
    pipe.send_bytes(b"")
    store = FolderStore(Path(post.store), post.max_bytes)
    while True:
        try:
            row = msgspec.msgpack.decode(pipe.recv_bytes(), type=Row)
        except EOFError:
            return
        pipe.send_bytes(answer(row, store, model, post.max_pixels))


def answer(row: Row, store: FolderStore, model: ServedModel, max_pixels: int) -> bytes:
    """Key and value of the record with the model's answer. Where the answer would not be the model's own, as when the
    image has gone since, nothing."""
    outcome = handle(row.key, row.value, store, model, max_pixels=max_pixels, patient=False)
    if not isinstance(outcome, Predicted) and not (
            isinstance(outcome, Rejected) and outcome.code is RejectCode.MODEL_ERROR):
        return b""
    received = datetime.fromisoformat(row.received)
    record = to_record(outcome, row.at, row.key, row.value, received, datetime.now(UTC), "shadow")
    return b"" if record is None else msgspec.msgpack.encode((record.key, record.value))


if __name__ == "__main__":
    main()
