"""The monitor against a real database that is fed as the sinks feed it: windows, alarms, what may go wrong."""

import json
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cargostream.database import engine
from cargostream.errors import Unavailable
from cargostream.records import PREDICTIONS_TOPIC
from cargostream.sql import load_sql
from connectors.retention import forget_old_history
from operations import monitor, references, status, windows
from operations.monitor import look, watch
from operations.references import References
from operations.status import read_data
from tests.support.days import FOG, answers, put_in_cache, reference

ROWS = 50


class Watched:
    """A version's answers and the monitor that looks at them, beside other versions of the same database."""

    def __init__(self, databases, settings, version):
        self.databases, self.settings, self.version = databases, settings, version
        self.target = databases.engine("target", "operator")
        self.rng = np.random.default_rng(version)
        self.told = []
        self.references = References(settings)

    def answer(self, rows, **changes):
        """Deliver answers of this version; their ids."""
        ids = [self.databases.next() for _ in rows]
        with self.databases.engine("target", "sink").begin() as connection:
            connection.execute(text("INSERT INTO inbox VALUES (:topic, 0, :offset, :payload)"), [
                {"topic": PREDICTIONS_TOPIC, "offset": identity, "payload": json.dumps({
                    "source_id": identity, "status": "predicted", "source_epoch": 1, "source_partition": 0,
                    "source_offset": identity, "attempt": 0, "purpose": "current", "model_version": self.version,
                    "model_name": "cargo-ground"} | row | changes).encode()}
                for identity, row in zip(ids, rows, strict=True)])
        return ids

    def tell(self, event):
        self.told.append(event)
        return True

    def test_all(self, tell=None):
        """Look until nothing is left; how many windows were tested."""
        tested = 0
        while look(self.settings, self.target, self.references, tell or self.tell):
            tested += 1
        return tested

    def windows(self):
        return self.databases.query("target", "SELECT * FROM cargo_window WHERE model_version = :version "
                                              "ORDER BY number", version=self.version)

    def kinds(self):
        return [event.kind for event in self.told if event.subject == f"version {self.version}"]


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(windows, "SETTLE_S", 0.0)


@pytest.fixture
def watched(databases, tmp_path):
    """A version of the test's own, whose artifact knows Monday."""
    settings = databases.settings.model_copy(update={"home": tmp_path, "mlflow_tracking_uri": "http://127.0.0.1:9"})
    version = databases.next()
    put_in_cache(tmp_path, version, reference({"monday": answers(np.random.default_rng(0), 600)}), ece=0.02)
    watched = Watched(databases, settings, version)
    yield watched
    for table in ("cargo_prediction_history", "cargo_window"):
        admin = databases.engine("target", "admin")
        with admin.begin() as connection:
            connection.execute(text(f"DELETE FROM {table} WHERE model_version >= :version"),  # noqa: S608
                               {"version": version})


def test_drift_is_told_when_it_begins_and_when_it_is_over_and_not_in_between(watched):
    watched.answer(answers(watched.rng, 4 * ROWS))
    assert watched.test_all() == 4
    assert [row["drift"] for row in watched.windows()] == [False] * 4
    spoiled = watched.answer(answers(watched.rng, 3 * ROWS, FOG))
    watched.answer(answers(watched.rng, 4 * ROWS))
    assert watched.test_all() == 7
    assert watched.kinds() == ["drift", "drift_over"]
    found = watched.windows()
    assert [row["drift"] for row in found] == [False] * 4 + [True] * 3 + [False] * 4
    assert [row["drift_since"] is not None for row in found] == [False] * 4 + [True] * 5 + [False] * 2
    assert {row["drift_since"] for row in found[4:9]} == {found[4]["from_at"]}
    assert found[4]["from_id"] == spoiled[0]
    alarm, over = watched.told
    assert (alarm.severity, over.severity) == ("alarm", "info")
    assert "fog" in alarm.detail
    assert "confidence" in alarm.detail or "brightness" in alarm.detail
    assert alarm.at == found[4]["to_at"].isoformat()


def test_rows_that_are_answered_again_are_no_drift(watched):
    """An operator has a foggy day of last week answered again: it says nothing about today."""
    watched.answer(answers(watched.rng, ROWS // 2))
    watched.answer(answers(watched.rng, 4 * ROWS, FOG), attempt=1)
    assert watched.test_all() == 0
    watched.answer(answers(watched.rng, ROWS // 2))
    assert watched.test_all() == 1
    assert [row["drift"] for row in watched.windows()] == [False]


def test_a_window_says_what_moved_and_what_it_looks_like(watched):
    watched.answer(answers(watched.rng, ROWS, FOG))
    watched.test_all()
    (window,) = watched.windows()
    assert (window["looks_like"], window["against"], window["rows"]) == ("fog", "monday", ROWS)
    assert window["explained"] > 0.8
    assert window["sure"] > 0.8
    assert window["p_value"] < window["threshold"] == 0.0005
    found = {row["statistic"]: row for row in watched.databases.query(
        "target", "SELECT * FROM cargo_window_statistic WHERE model_version = :version", "dashboard",
        version=watched.version)}
    assert len(found) == 5 + 1 + 4 + 1 + 1
    assert found["brightness"]["moved"]
    assert found["brightness"]["mean"] > found["brightness"]["reference_mean"] + 0.1
    assert not found["saturated"]["moved"]


def test_a_drift_that_has_no_name_at_first_gets_it_once_and_when_it_can(watched):
    watched.answer(answers(watched.rng, ROWS), confidence=0.4, probabilities=[0.4, 0.2, 0.2, 0.1, 0.1], target=0)
    watched.test_all()
    assert watched.kinds() == ["drift"]
    assert "no known damage" in watched.told[0].detail
    watched.answer(answers(watched.rng, 2 * ROWS, FOG))
    watched.test_all()
    assert watched.kinds() == ["drift", "drift_named"]
    assert "fog" in watched.told[1].detail
    assert watched.told[1].severity == "warning"


def test_windows_are_whole_in_order_and_do_not_overlap_whoever_goes_on(watched):
    ids = watched.answer(answers(watched.rng, 2 * ROWS + 20))
    assert watched.test_all() == 2
    watched.references = References(watched.settings)  # another process
    assert watched.test_all() == 0
    ids += watched.answer(answers(watched.rng, 40))
    assert watched.test_all() == 1
    assert [(row["number"], row["from_id"], row["to_id"]) for row in watched.windows()] == [
        (number + 1, ids[number * ROWS], ids[(number + 1) * ROWS - 1]) for number in range(3)]


def test_only_answers_that_stand_for_rows_are_tested(watched):
    watched.answer(answers(watched.rng, ROWS, FOG), purpose="shadow")
    watched.answer(answers(watched.rng, ROWS, FOG), purpose="replay")
    watched.answer([{"error_code": "empty_file"}] * ROWS, status="rejected")
    assert watched.test_all() == 0


def test_answers_of_the_last_moment_wait_for_older_ones(watched, monkeypatch):
    monkeypatch.setattr(windows, "SETTLE_S", 3600.0)
    watched.answer(answers(watched.rng, ROWS))
    assert watched.test_all() == 0


def test_a_restart_in_drift_does_not_tell_it_again(watched):
    watched.answer(answers(watched.rng, ROWS, FOG))
    watched.test_all()
    watched.references = References(watched.settings)
    watched.answer(answers(watched.rng, ROWS, FOG))
    watched.test_all()
    assert watched.kinds() == ["drift"]


def test_an_alarm_that_nobody_takes_is_told_again(watched):
    watched.answer(answers(watched.rng, ROWS, FOG))
    with pytest.raises(Unavailable):
        watched.test_all(tell=lambda event: False)
    assert watched.windows() == []
    assert watched.test_all() == 1
    assert watched.kinds() == ["drift"]


def test_a_day_that_the_model_learnt_is_no_drift(watched):
    rng = np.random.default_rng(1)
    put_in_cache(watched.settings.home, watched.version, reference(
        {"monday": answers(rng, 300), "tuesday": answers(rng, 300, FOG)}))
    watched.answer(answers(watched.rng, ROWS, FOG))
    watched.answer(answers(watched.rng, ROWS))
    watched.test_all()
    assert [(row["drift"], row["against"]) for row in watched.windows()] == [(False, "tuesday"), (False, "monday")]


def test_a_version_without_reference_has_estimates_and_no_alarm(watched, caplog):
    put_in_cache(watched.settings.home, watched.version, None)
    watched.answer(answers(watched.rng, 2 * ROWS, FOG))
    assert watched.test_all() == 2
    assert watched.told == []
    for window in watched.windows():
        assert (window["p_value"], window["drift"], window["calibration_error"]) == (None, False, None)
        assert 0 < window["estimate_low"] < window["estimated_accuracy"] < window["estimate_high"] < 1
    assert len([line for line in caplog.messages if "brings no reference" in line]) == 1


def test_answers_wait_for_a_registry_that_is_away_and_hold_up_no_other_version(watched, caplog, monkeypatch):
    unknown = Watched(watched.databases, watched.settings, watched.databases.next())
    unknown.references = watched.references
    unknown.answer(answers(watched.rng, ROWS))
    watched.answer(answers(watched.rng, ROWS))
    assert watched.test_all() == 1
    assert watched.test_all() == 0
    assert unknown.windows() == []
    assert len([line for line in caplog.messages if f"version {unknown.version} wait" in line]) == 1
    monkeypatch.setattr(references, "RETRY_S", 0.0)
    put_in_cache(watched.settings.home, unknown.version, None)
    watched.references = References(watched.settings)
    assert watched.test_all() == 1
    assert len(unknown.windows()) == 1


def test_status_tells_of_answers_that_nobody_tests(watched, monkeypatch):
    watched.answer(answers(watched.rng, ROWS))
    assert watched.version not in (read_data(watched.settings).untested or [])
    monkeypatch.setattr(status, "UNTESTED_S", 0.0)
    assert watched.version in read_data(watched.settings).untested
    watched.test_all()
    found = read_data(watched.settings)
    assert watched.version not in found.untested
    assert found.drift["model_version"] == watched.version


def test_an_artifact_that_was_changed_is_not_believed(watched, caplog):
    (folder,) = [path for path in (watched.settings.home / "models").iterdir() if path.is_dir()]
    (folder / "reference.npz").write_bytes(b"PK other bytes")
    watched.answer(answers(watched.rng, ROWS))
    assert watched.test_all() == 0  # it is fetched anew, from a registry that is away
    assert "damaged" in caplog.text


def test_answers_without_probabilities_or_statistics_are_tested_by_what_there_is(watched):
    watched.answer(answers(watched.rng, ROWS, FOG), probabilities=None, embedding_distance=None)
    assert watched.test_all() == 1
    (window,) = watched.windows()
    assert (window["drift"], window["looks_like"]) == (True, "fog")
    watched.answer(answers(watched.rng, ROWS), probabilities=[0.5, 0.5], brightness=None, contrast=None, sharpness=None,
                   saturated=None, embedding_distance=None)
    assert watched.test_all() == 1
    assert watched.windows()[1]["p_value"] is None


def test_two_monitors_do_not_test_the_same_window(watched):
    watched.answer(answers(watched.rng, ROWS))
    with watched.target.begin() as other:
        assert windows.nobody_else(other)
        assert watched.test_all() == 0
    assert watched.test_all() == 1


def test_who_may_read_and_write_windows(watched):
    watched.answer(answers(watched.rng, ROWS))
    watched.test_all()
    databases = watched.databases
    for view in ("cargo_window", "cargo_window_statistic", "cargo_window_accuracy", "cargo_accuracy",
                 "cargo_accuracy_minute"):
        assert databases.query("target", f"SELECT * FROM {view}", "dashboard")  # noqa: S608
        with pytest.raises(DBAPIError):
            databases.query("target", f"SELECT * FROM {view}", "sink")  # noqa: S608
    for role in ("dashboard", "sink"):
        with pytest.raises(DBAPIError):
            databases.query("target", "DELETE FROM cargo_window", role)


def test_windows_are_forgotten_with_their_answers(watched):
    watched.answer(answers(watched.rng, 2 * ROWS))
    watched.test_all()
    admin = watched.databases.engine("target", "admin")
    long_ago = datetime.now(UTC) - timedelta(days=watched.settings.history_days + 1)
    with admin.begin() as connection:
        connection.execute(text("UPDATE cargo_window SET to_at = :at WHERE model_version = :version AND number = 1"),
                           {"at": long_ago, "version": watched.version})
    forget_old_history(watched.settings)
    assert [row["number"] for row in watched.windows()] == [2]
    left = watched.databases.query("target", "SELECT DISTINCT number FROM cargo_window_statistic "
                                             "WHERE model_version = :version", version=watched.version)
    assert [row["number"] for row in left] == [2]


def test_the_watch_goes_on_when_its_database_comes_back(watched, monkeypatch, caplog):
    monkeypatch.setattr(monitor, "EVERY_S", 0.01)
    stop, looks = threading.Event(), []
    away = engine(watched.settings.model_copy(update={"target_port": 9}), "target", "operator")
    begin = away.begin

    def looked():
        looks.append(1)
        stop.set()

    def connect():
        monkeypatch.setattr(away, "begin", watched.target.begin)  # the next time it is there
        return begin()

    monkeypatch.setattr(away, "begin", connect)
    watched.answer(answers(watched.rng, ROWS))
    watch(watched.settings, away, watched.tell, stop, looked)
    assert looks == [1]
    assert "does not answer" in caplog.text
    assert len(watched.windows()) == 1


def test_the_figure_of_drift_shows_every_statistic_over_time(watched):
    watched.answer(answers(watched.rng, ROWS))
    watched.answer(answers(watched.rng, ROWS, FOG))
    watched.test_all()
    with watched.databases.engine("target", "dashboard").connect() as connection:
        found = connection.execute(load_sql("dashboards.figures", "drift"), {"hours": 1}).mappings().all()
    bright = [row for row in found if (row["model_version"], row["statistic"]) == (watched.version, "brightness")]
    assert [(row["drift"], row["moved"], row["looks_like"]) for row in bright] == [
        (False, False, None), (True, True, "fog")]
