"""Records in, outcomes out: the handler is total and says the same for the same bytes."""

import hashlib
import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cargostream.errors import RejectCode, Rejection, Unavailable
from cargostream.images import MemoryStore
from cargostream.labels import CARGO_LABELS
from stream_worker.handler import condemn, handle
from stream_worker.memory import MemoryModel, class_colour
from stream_worker.outcomes import Deleted, NotYet, Outcome, Predicted, Rejected, Unchanged, Unreadable, Wait


def picture(target: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), class_colour(target)).save(file, "PNG")
    return file.getvalue()


IMAGES = {f"{label}/1.png": picture(target) for target, label in enumerate(CARGO_LABELS)} | {"cut.png": picture(0)[:60]}


def record(source_id: int = 7, op: str = "c", **columns: object) -> tuple[bytes, bytes]:
    row = {"id": source_id, "__op": op, "__deleted": str(op == "d").lower(), "timestamp": "2026-11-21T09:00:00Z",
           "image_path": "wood/1.png", "target": None, "sha256": None, "__source_ts_ms": 1, "__source_lsn": 2}
    return json.dumps({"id": source_id}).encode(), json.dumps(row | columns).encode()


def ask(key: bytes | None, value: bytes | None, *, patient: bool = False, store: MemoryStore | None = None) -> Outcome:
    return handle(key, value, store or MemoryStore(IMAGES), MemoryModel(), max_pixels=1_000_000, patient=patient)


@pytest.mark.parametrize(("target", "label"), list(enumerate(CARGO_LABELS)))
def test_an_image_is_predicted(target: int, label: str) -> None:
    outcome = ask(*record(image_path=f"{label}/1.png"))
    assert isinstance(outcome, Predicted)
    assert (outcome.row.id, outcome.target, outcome.label) == (7, target, label)
    assert outcome.probabilities[target] == max(outcome.probabilities)
    assert sum(outcome.probabilities) == pytest.approx(1, abs=1e-5)
    assert outcome.sha256 == hashlib.sha256(IMAGES[f"{label}/1.png"]).hexdigest()
    assert outcome.served.version == 1


@pytest.mark.parametrize(("columns", "code"), [
    ({"image_path": "../x"}, RejectCode.PATH_NOT_ALLOWED),
    ({"image_path": "no.png"}, RejectCode.FILE_NOT_FOUND),
    ({"image_path": "cut.png"}, RejectCode.CORRUPT_IMAGE),
    ({"sha256": "0" * 64}, RejectCode.CHECKSUM_MISMATCH),
    ({"sha256": "no digest"}, RejectCode.INVALID_MESSAGE),
    ({"image_path": None}, RejectCode.INVALID_MESSAGE),
    ({"image_path": " "}, RejectCode.INVALID_MESSAGE),
    ({"image_path": "x" * 10_000}, RejectCode.INVALID_MESSAGE),
    ({"image_path": "a\0.png"}, RejectCode.INVALID_MESSAGE),
    ({"image_path": 5}, RejectCode.INVALID_MESSAGE),
    ({"timestamp": "\0"}, RejectCode.INVALID_MESSAGE),
    ({"__op": "t"}, RejectCode.INVALID_MESSAGE),
    ({"__op": None}, RejectCode.INVALID_MESSAGE),
    ({"__source_lsn": 2**70}, RejectCode.INVALID_MESSAGE),
    ({"target": "wood"}, RejectCode.INVALID_MESSAGE),
])
def test_a_bad_row_is_answered_with_its_code(columns: dict[str, object], code: RejectCode) -> None:
    outcome = ask(*record(**columns))
    assert isinstance(outcome, Rejected)
    assert (outcome.row.id, outcome.code) == (7, code)


def test_the_digest_may_be_in_capitals() -> None:
    digest = hashlib.sha256(IMAGES["wood/1.png"]).hexdigest().upper()
    assert isinstance(ask(*record(sha256=digest)), Predicted)


KEY, VALUE = record()
UNREADABLE: dict[str, tuple[bytes | None, bytes | None]] = {
    "no value": (KEY, None), "null": (KEY, b"null"), "no key": (None, VALUE), "null key": (b"null", VALUE),
    "empty": (KEY, b""), "no json": (KEY, b"hello"), "cut": (KEY, VALUE[:-9]), "avro": (KEY, b"\0\0\0\0\1\x0e"),
    "utf-16": (KEY, VALUE.decode().encode("utf-16")), "latin-1": (KEY, VALUE.replace(b"wood/1", b"w\xe9")),
    "NaN": (KEY, VALUE.replace(b": 2}", b": NaN}")), "lone surrogate": (KEY, VALUE.replace(b"wood", b"\\ud800")),
    "deep": (KEY, b"[" * 100_000), "deep inside": (KEY, VALUE[:-1] + b', "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
    "deep key": (b'{"id": ' + b"[" * 100_000, VALUE), "list": (KEY, b"[7]"), "text key": (b'{"id": "7"}', VALUE),
    "float key": (b'{"id": 7.0}', VALUE), "true key": (b'{"id": true}', VALUE),
    "huge key": (b'{"id": 99999999999999999999}', VALUE.replace(b'"id": 7', b'"id": 99999999999999999999')),
    "another id": (b'{"id": 8}', VALUE), "no id": (KEY, b'{"image_path": "wood/1.png"}'),
    "another id, no row": (b'{"id": 8}', b'{"id": 7, "image_path": 5}'),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_bytes_that_belong_to_no_row_are_unreadable(case: str) -> None:
    outcome = ask(*UNREADABLE[case])
    assert isinstance(outcome, Unreadable)
    assert outcome.reason.isprintable()


def test_a_delete_is_an_answer_whatever_else_is_in_it() -> None:
    outcome = ask(*record(op="d", image_path="", sha256="", timestamp="1970-01-01T00:00:00Z"))
    assert isinstance(outcome, Deleted)
    assert outcome.row.id == 7


@pytest.mark.parametrize(("before", "after", "expected"), [
    (("wood/1.png", None), ("wood/1.png", None), Unchanged),
    (("brick/1.png", None), ("wood/1.png", None), Predicted),
    (("wood/1.png", None), ("wood/1.png", hashlib.sha256(IMAGES["wood/1.png"]).hexdigest()), Predicted),
    ((None, None), ("wood/1.png", None), Predicted),
])
def test_an_update_is_predicted_again_if_the_image_may_have_changed(
    before: tuple[str | None, str | None], after: tuple[str, str | None], expected: type
) -> None:
    columns = {"__before_image_path": before[0], "__before_sha256": before[1]}
    columns |= {"image_path": after[0], "sha256": after[1]}
    assert isinstance(ask(*record(op="u", target=3, **columns)), expected)


def test_a_missing_image_is_waited_for_while_there_is_patience() -> None:
    key, value = record(image_path="late.png")
    assert ask(key, value, patient=True) == NotYet(Wait.FILE, "no such file in the store")
    assert isinstance(ask(key, value, patient=False), Rejected)


def test_only_a_missing_image_is_waited_for() -> None:
    assert isinstance(ask(*record(image_path="cut.png"), patient=True), Rejected)


@pytest.mark.parametrize("patient", [True, False])
def test_a_store_that_is_not_there_is_no_answer(patient: bool) -> None:
    store = MemoryStore({}, missing=Unavailable("not mounted"))
    assert ask(*record(), patient=patient, store=store) == NotYet(Wait.STORE, "not mounted")


def raising(error: Exception) -> Callable[[object, object], np.ndarray]:
    def predict(self: object, image: object) -> np.ndarray:
        raise error
    return predict


@pytest.mark.parametrize(("error", "expected"), [
    (Rejection(RejectCode.MODEL_ERROR, "no number"), Rejected), (MemoryError(), NotYet), (KeyError("x"), NotYet),
])
def test_whatever_a_port_raises_the_handler_returns(error: Exception, expected: type) -> None:
    broken = type("Broken", (MemoryModel,), {"predict": raising(error), "__slots__": ()})()
    outcome = handle(KEY, VALUE, MemoryStore(IMAGES), broken, max_pixels=1_000_000, patient=False)
    assert isinstance(outcome, expected)


def test_a_convicted_record_has_an_answer_even_if_reading_it_is_what_ends_processes(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = condemn(KEY, VALUE, MemoryModel())
    assert isinstance(answer, Rejected)
    assert answer.code == RejectCode.CRASHED_WORKER
    monkeypatch.setattr("stream_worker.handler.read_row", raising(MemoryError()))
    assert isinstance(condemn(KEY, VALUE, MemoryModel()), Unreadable)


at_ease = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy


@at_ease
@given(st.binary(max_size=200), st.binary(max_size=400))
def test_any_bytes_have_an_outcome(key: bytes, value: bytes) -> None:
    assert isinstance(ask(key, value), Unreadable)


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner:
                           st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=5)


@at_ease
@given(st.dictionaries(st.sampled_from(["__op", "image_path", "sha256", "timestamp", "target", "x"]), json_values))
def test_any_columns_have_an_outcome_tied_to_the_row(columns: dict[str, object]) -> None:
    outcome = ask(KEY, json.dumps(json.loads(VALUE) | columns).encode())
    match outcome:
        case Predicted(row) | Rejected(row) | Deleted(row):
            assert row.id == 7
        case _:
            assert isinstance(outcome, Unchanged | Unreadable)
