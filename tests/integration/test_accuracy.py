"""Accuracy by version, minute and window against a real database: truths that come with the row, later, or never."""

import msgspec
import numpy as np
import pytest
from sqlalchemy import text

from cargostream.records import PREDICTIONS_TOPIC, SOURCE_TOPIC
from cargostream.sql import load_sql
from model_registry.measures import wilson
from operations.monitor import estimate
from operations.rows import query
from tests.support.answers import GOOD


class Version:
    """A model version of the test's own, its answers and the mirror's rows."""

    def __init__(self, databases):
        self.databases, self.number = databases, databases.next()

    def answer(self, predicted, **changes):
        """Deliver an answer to a row of its own; the row's id."""
        identity = self.databases.next()
        self.databases.deliver("target", PREDICTIONS_TOPIC, msgspec.json.encode(msgspec.structs.replace(
            GOOD, source_id=identity, source_offset=identity, target=predicted, model_version=self.number,
            **{"confidence": 0.75} | changes)))
        return identity

    def mirror(self, identity, truth, **changes):
        """Deliver the source row, or a change of it."""
        self.databases.deliver("target", SOURCE_TOPIC, msgspec.json.encode({
            "id": identity, "image_path": GOOD.image_path, "target": truth, "__deleted": "false",
            "timestamp": "2026-11-21T10:00:00Z", "__source_ts_ms": 1} | changes))

    def calibrated(self, error):
        """A block of this version says that its calibration error is this."""
        with self.databases.engine("target", "admin").begin() as connection:
            connection.execute(text(
                "INSERT INTO cargo_window (model_version, number, from_at, from_id, to_at, to_id, rows, threshold, "
                "drift, estimated_accuracy, estimate_low, estimate_high, calibration_error) "
                "VALUES (:version, 1, now(), 0, now(), 0, 50, 0.001, false, 0.8, 0.7, 0.9, :error)"),
                {"version": self.number, "error": error})

    def read(self, view, role="dashboard", where=""):
        return self.databases.query("target", f"SELECT * FROM {view} WHERE model_version = :version {where}",  # noqa: S608
                                    role, version=self.number)


@pytest.fixture
def version(databases):
    version = Version(databases)
    yield version
    admin = databases.engine("target", "admin")
    with admin.begin() as connection:
        for table in ("cargo_prediction", "cargo_prediction_history", "cargo_window"):
            connection.execute(text(f"DELETE FROM {table} WHERE model_version = :version"),  # noqa: S608
                               {"version": version.number})


def test_truths_count_when_they_come_with_the_row_and_when_they_come_later(version):
    ids = [version.answer(1) for _ in range(10)]
    for number, identity in enumerate(ids):
        version.mirror(identity, 1 if number < 3 else None)
    (found,) = version.read("cargo_accuracy")
    assert (found["predicted"], found["labelled"], found["correct"], found["accuracy"]) == (10, 3, 3, 1.0)
    for number, identity in enumerate(ids[3:]):
        version.mirror(identity, 1 if number < 5 else 2)  # as an UPDATE of the source row arrives
    (found,) = version.read("cargo_accuracy")
    assert (found["labelled"], found["correct"], found["accuracy"]) == (10, 8, 0.8)
    assert (found["accuracy_low"], found["accuracy_high"]) == pytest.approx(wilson(8, 10))
    (minute,) = version.read("cargo_accuracy_minute")
    assert (minute["predicted"], minute["labelled"], minute["correct"]) == (10, 10, 8)


def test_without_truths_there_is_an_estimate_with_its_band(version):
    version.calibrated(0.0)
    confidences = [0.6, 0.8, 0.9, 0.99]
    for confidence in confidences:
        version.mirror(version.answer(1, confidence=confidence), None)
    (found,) = version.read("cargo_accuracy")
    measured = [found[name] for name in ("labelled", "accuracy", "accuracy_low", "accuracy_high")]
    assert measured == [0, None, None, None]
    told = [found[name] for name in ("estimated_accuracy", "estimate_low", "estimate_high")]
    assert told == pytest.approx(estimate(np.array(confidences), 0.0), abs=1e-6)


def test_the_band_of_an_estimate_holds_the_calibration_error_measured_at_training(version):
    confidences = [0.8] * 100
    for confidence in confidences:
        version.answer(1, confidence=confidence)
    version.calibrated(0.03)
    (found,) = version.read("cargo_accuracy")
    told = [found[name] for name in ("estimated_accuracy", "estimate_low", "estimate_high")]
    assert told == pytest.approx(estimate(np.array(confidences), 0.03), abs=1e-6)
    assert found["estimate_high"] - found["estimated_accuracy"] > 0.03 + 0.05


def test_an_estimate_whose_calibration_error_is_not_known_has_no_band(version):
    """As of a version that has answered in shadow only, which has no blocks."""
    identity = version.answer(1, purpose="shadow")
    version.mirror(identity, 1)
    (found,) = version.read("cargo_accuracy")
    assert (found["purpose"], found["estimated_accuracy"]) == ("shadow", 0.75)
    assert (found["estimate_low"], found["estimate_high"]) == (None, None)
    version.answer(1)
    (found,) = query(version.databases.engine("target", "dashboard"), "running_accuracy", rows=1000)
    assert found["model_version"] == version.number
    assert (found["estimate_low"], found["estimate_high"]) == (None, None)


def test_champion_and_challenger_are_held_apart(version):
    identity = version.answer(1)
    version.mirror(identity, 2)
    version.databases.deliver("target", PREDICTIONS_TOPIC, msgspec.json.encode(msgspec.structs.replace(
        GOOD, source_id=identity, source_offset=identity, target=2, model_version=version.number, attempt=1,
        purpose="shadow")))
    found = {row["purpose"]: row["accuracy"] for row in version.read("cargo_accuracy")}
    assert found == {"current": 0.0, "shadow": 1.0}


@pytest.mark.parametrize(("changes", "labelled"), [
    ({}, 1), ({"sha256": GOOD.image_sha256}, 1), ({"sha256": "b" * 64}, 0), ({"image_path": "other.jpg"}, 0)])
def test_the_truth_of_another_image_judges_no_answer(version, changes, labelled):
    version.mirror(version.answer(1), 2, **changes)
    (found,) = version.read("cargo_accuracy")
    assert (found["predicted"], found["labelled"], found["correct"]) == (1, labelled, 0)
    (answer,) = version.read("cargo_result_history")
    assert (answer["truth"], answer["correct"]) == ((2, False) if labelled else (None, None))


def test_rejected_rows_are_no_answers_and_old_ones_are_left_out_on_request(version):
    version.mirror(version.answer(1), 1)
    version.answer(1, status="rejected", error_code="empty_file")
    (found,) = version.read("cargo_accuracy")
    assert found["predicted"] == 1
    assert len(version.read("cargo_accuracy_since(now() - interval '1 minute')")) == 1
    assert version.read("cargo_accuracy_since(now() + interval '1 minute')") == []


def test_a_window_has_the_truths_of_its_own_rows(version):
    ids = [version.answer(1) for _ in range(6)]
    for identity in ids:
        version.mirror(identity, 1)
    admin = version.databases.engine("target", "admin")
    with admin.begin() as connection:
        connection.execute(text(
            "INSERT INTO cargo_window (model_version, number, from_at, from_id, to_at, to_id, rows, threshold, drift, "
            "estimated_accuracy, estimate_low, estimate_high) SELECT model_version, 1, min(stored_at), :first, "
            "max(stored_at), :last, 3, 0.001, false, 0.8, 0.7, 0.9 FROM cargo_prediction_history "
            "WHERE source_id BETWEEN :first AND :last GROUP BY model_version"), {"first": ids[1], "last": ids[3]})
    (found,) = version.read("cargo_window_accuracy")
    assert (found["labelled"], found["correct"], found["accuracy"]) == (3, 3, 1.0)
    version.mirror(ids[2], 4)
    (found,) = version.read("cargo_window_accuracy")
    assert (found["labelled"], found["correct"]) == (3, 2)


@pytest.mark.parametrize(("right", "n"), [(0, 0), (0, 10), (10, 10), (7, 9), (1860, 2000)])
def test_the_interval_is_wilson_s(databases, right, n):
    (found,) = databases.query("target", "SELECT wilson(:right, :n, -1) AS low, wilson(:right, :n, 1) AS high",
                               "dashboard", right=right, n=n)
    expected = wilson(right, n) if n else (None, None)
    assert (found["low"], found["high"]) == (pytest.approx(expected) if n else expected)


def test_status_reads_how_the_version_that_answers_does(version):
    for number in range(20):
        version.mirror(version.answer(1), 1 if number < 12 else 0 if number < 15 else None)
    (found,) = query(version.databases.engine("target", "dashboard"), "running_accuracy", rows=1000)
    assert (found["model_version"], found["predicted"], found["labelled"], found["correct"]) == (
        version.number, 20, 15, 12)
    assert found["accuracy_low"] < found["accuracy"] == 0.8 < found["accuracy_high"]
    (found,) = query(version.databases.engine("target", "dashboard"), "running_accuracy", rows=6)
    assert (found["predicted"], found["labelled"], found["correct"]) == (6, 1, 0)


def test_the_figures_show_what_the_views_hold(version):
    identity = version.answer(1)
    version.mirror(identity, 2)
    challenger = version.databases.next()
    version.databases.deliver("target", PREDICTIONS_TOPIC, msgspec.json.encode(msgspec.structs.replace(
        GOOD, source_id=identity, source_offset=identity, target=2, model_version=challenger, purpose="shadow")))
    dashboard = version.databases.engine("target", "dashboard")

    def figure(name):
        with dashboard.connect() as connection:
            found = connection.execute(load_sql("dashboards.figures", name), {"hours": 1}).mappings()
            return [row for row in found if version.number in (row.get("model_version"), row.get("champion"))]

    (minute,) = figure("live_accuracy")
    assert (minute["labelled"], minute["accuracy"], minute["estimated_accuracy"]) == (1, 0.0, 0.75)
    (whole,) = figure("version_accuracy")
    assert (whole["purpose"], whole["predicted"], whole["accuracy"]) == ("current", 1, 0.0)
    (pair,) = figure("challenger")
    assert (pair["challenger"], pair["rows"], pair["agreement"], pair["labelled"]) == (challenger, 1, 0.0, 1)
    assert (pair["champion_accuracy"], pair["challenger_accuracy"]) == (0.0, 1.0)
    assert 0 < pair["challenger_low"] < pair["challenger_high"] == 1
