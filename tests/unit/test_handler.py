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
from tests.support.records import HARMLESS, INVALID, KEY, UNREADABLE, VALUE, record


def picture(target: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), class_colour(target)).save(file, "PNG")
    return file.getvalue()


IMAGES = {f"{label}/1.png": picture(target) for target, label in enumerate(CARGO_LABELS)} | {"cut.png": picture(0)[:60]}


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
    *((columns, RejectCode.INVALID_MESSAGE) for columns in INVALID.values()),
])
def test_a_bad_row_is_answered_with_its_code(columns: dict[str, object], code: RejectCode) -> None:
    outcome = ask(*record(**columns))
    assert isinstance(outcome, Rejected)
    assert (outcome.row.id, outcome.code) == (7, code)


@pytest.mark.parametrize("case", HARMLESS)
def test_what_changes_nothing_in_a_row_changes_nothing_in_its_answer(case: str) -> None:
    assert ask(KEY, HARMLESS[case](VALUE)) == ask(KEY, VALUE)


def test_the_digest_may_be_in_capitals() -> None:
    digest = hashlib.sha256(IMAGES["wood/1.png"]).hexdigest().upper()
    assert isinstance(ask(*record(sha256=digest)), Predicted)


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
