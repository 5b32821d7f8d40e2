"""A named version answers rows of the mirror in this process, into the history. To be imported when one is named."""

import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from cargostream.cache import Cache
from cargostream.errors import ModelRefused, RejectCode, Unavailable, UsageError
from cargostream.images import FolderStore
from cargostream.labels import CARGO_LABELS
from cargostream.records import SOURCE_TOPIC
from cargostream.registry import ask_version, open_registry
from cargostream.replays import Replayer, replay_record
from cargostream.served import ServedModel, open_model
from cargostream.settings import Settings
from operations.comparison import Comparison
from operations.ranges import Answer, Row
from operations.replay import LOOK_S, Progress, paced
from stream_worker.handler import handle
from stream_worker.outcomes import Coordinates, NotYet, Outgoing, Predicted, Rejected, to_record

AGAIN_S = 0.5
NICE = 10
"""Live rows come first, also for the cores."""


def open_version(settings: Settings, version: int) -> ServedModel:
    """The registered version, from the cache that the worker fills, or fetched.

    Raises:
        UsageError: the registry has no such version.
        ModelRefused: its artifact is not sound.
        Unavailable: the registry cannot be reached.
    """
    cache, name = Cache(settings.home / "models"), settings.model_name
    with open_registry(settings.tracking_uri) as registry:
        registered = ask_version(registry, name, version)
    if registered is None:
        raise UsageError(f"{name} has no version {version}; `cargostream model list` shows those that there are.")
    digest = registered.digest
    if digest is None or not cache.path(digest).is_dir():
        digest = cache.fetch(settings.tracking_uri, name, version)
    if registered.digest not in (None, digest):
        raise ModelRefused(f"{name} version {version} is not the artifact that was registered: it was changed since.")
    cache.use(digest)
    return open_model(cache.path(digest), settings.effective_threads, version=version, digest=digest,
                      labels=CARGO_LABELS)


def answer_by(settings: Settings, model: ServedModel, rows: Iterable[Row], rate: float, patience_s: float,
              progress: Progress) -> Comparison:
    """Have the model answer every row, with purpose `replay`, and hold its answers against those that stand.

    Raises:
        Unavailable: the image store or the broker was away for `patience_s`.
    """
    os.nice(NICE)
    store = FolderStore(settings.image_store, settings.image_max_bytes)
    sender = Replayer(settings.bootstrap, patience_s)
    done = Comparison()
    looked = time.monotonic()
    for row in paced(rows, rate):
        if time.monotonic() > looked + LOOK_S:
            looked = time.monotonic()
            progress(done.rows, 0)
        if row is None:
            time.sleep(0.01)
        elif row.before is not None and row.before.error_code == RejectCode.CRASHED_WORKER:
            done.left_out += 1  # it would end this process, too
        else:
            outgoing, after = _answer(row, store, model, settings.image_max_pixels, patience_s)
            sender.put(*outgoing)
            done.add(row, after)
    sender.flush(patience_s + 5)
    progress(done.rows, 0)
    return done


def _answer(row: Row, store: FolderStore, model: ServedModel, max_pixels: int,
            patience_s: float) -> tuple[Outgoing, Answer]:
    record = replay_record(row.columns, *row.repeat)
    received, deadline = datetime.now(UTC), time.monotonic() + patience_s
    while True:
        outcome = handle(record.key, record.value, store, model, max_pixels=max_pixels, patient=False)
        if isinstance(outcome, Predicted | Rejected):
            break
        if not isinstance(outcome, NotYet) or time.monotonic() > deadline:
            raise Unavailable(f"Row {row.id} cannot be answered: {outcome}. See `cargostream status`.")
        time.sleep(AGAIN_S)
    outgoing = to_record(outcome, Coordinates(SOURCE_TOPIC, *row.repeat), record.key, record.value, received,
                         datetime.now(UTC), "replay")
    if outgoing is None:
        raise Unavailable(f"Row {row.id} cannot be answered: there is nothing to say about it.")
    if isinstance(outcome, Predicted):
        return outgoing, Answer("predicted", outcome.label, None, outcome.target, model.version)
    return outgoing, Answer("rejected", None, outcome.code.value, None, model.version)

