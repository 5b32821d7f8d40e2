"""What `status` says of a snapshot, of models and of drift, in words."""

import msgspec

from cargostream.cli.status import in_lines
from cargostream.cli.status_model import model_lines, seats
from cargostream.cli.verify import verify_lines
from operations.rows import Count, Rows, Snapshot


def told(snapshot, workers=()):
    rows = Rows(Count(50_000, True), Count(12_000, True), Count(8_000, True), compared=10_000, unmirrored=10_000,
                unanswered=10_000, oldest_s=None, snapshot=snapshot)
    found = {"healthy": True, "parts": {}, "connectors": [], "slots": [], "rows": msgspec.to_builtins(rows),
             "waiting": rows.waiting, "topics": None, "last_answer_age_s": 0.1, "workers": workers, "refused": [],
             "events": []}
    return dict(in_lines(found))


def test_progress_of_rows_from_before_is_a_line():
    found = told(Snapshot(rows=50_000, mirrored=12_000, answered=8_000))
    assert found["snapshot"] == "initial snapshot: 12,000 of 50,000 rows mirrored, 8,000 answered"


def test_there_is_no_such_line_when_none_of_them_waits():
    assert "snapshot" not in told(None)


ACCURACY = {"model_version": 3, "predicted": 1000, "labelled": 0, "accuracy": None, "accuracy_low": None,
            "accuracy_high": None, "estimated_accuracy": 0.924, "estimate_low": 0.9, "estimate_high": 0.948}
QUIET = {"model_version": 3, "at": "12:00", "p_value": 0.43, "threshold": 0.0005, "since": None,
         "looks_like": None, "sure": None, "moved": None}


def test_accuracy_is_measured_where_there_are_labels_and_estimated_in_any_case():
    (line,) = model_lines({"accuracy": ACCURACY})
    assert line == ("accuracy", "version 3, newest 1,000 answers: none has a label; its confidence promises 92.4% "
                                "(90.0% to 94.8%)")
    ((_, words),) = model_lines({"accuracy": ACCURACY | {"estimate_low": None, "estimate_high": None}})
    assert words.endswith("its confidence promises 92.4% (error not known)")
    labelled = ACCURACY | {"labelled": 812, "accuracy": 0.931, "accuracy_low": 0.91, "accuracy_high": 0.95}
    ((_, words),) = model_lines({"accuracy": labelled})
    assert "93.1% (91.0% to 95.0%) right of 812 with a label" in words


def test_drift_is_an_alarm_that_says_what_moved_and_like_what():
    assert model_lines({"drift": QUIET}) == [
        ("drift", "none up to 12:00: version 3 knows such rows (p = 0.43, alarm below 0.0005)")]
    moved = [{"statistic": name, "reference_mean": 0.95, "mean": 0.7125} for name in ("confidence", "b", "c", "d")]
    alarm = QUIET | {"since": "2026-11-21 12:00:00+00", "looks_like": "fog", "sure": 0.81, "moved": moved}
    ((_, words),) = model_lines({"drift": alarm})
    assert words == ("ALARM since 2026-11-21 12:00:00+00: version 3 does not know such rows; confidence 0.95 → 0.713, "
                     "b 0.95 → 0.713, c 0.95 → 0.713; looks like fog (81% sure)")
    ((_, words),) = model_lines({"drift": alarm | {"looks_like": None}})
    assert "no known damage" in words
    assert "not tested" in model_lines({"drift": QUIET | {"p_value": None}})[0][1]


def test_answers_that_nobody_tests_are_told():
    assert model_lines({"untested": [2, 3]}) == [
        ("drift", "answers of version 2, 3 wait to be tested: `cargostream logs monitor` tells why")]


def test_before_there_are_answers_nothing_is_said_of_them():
    assert model_lines({"accuracy": {}, "drift": None, "untested": []}) == []


def test_what_keeps_a_version_from_service_is_told():
    worker = {"champion": {"version": 2, "confirmed": True, "problem": "version 3 has the wrong digest.",
                           "counts": {"refused": 2, "swapped": 1, "unavailable": 1}},
              "challenger": {"version": 4, "problem": None, "counts": {}}}
    assert seats(worker) == [
        ("champion", "kept from service: version 3 has the wrong digest. (2 refused, 1 unavailable)"),
        ("challenger", "version 4 predicts in shadow")]
    assert seats({"error": "connection refused"}) == []
    worker["champion"]["problem"] = None
    assert seats(worker)[0] == ("champion", "kept from service before: 2 refused, 1 unavailable")


def test_a_registry_that_is_away_is_told_and_so_is_a_champion_that_it_has_not_confirmed():
    worker = {"champion": {"version": 2, "confirmed": False, "problem": None, "counts": {}}, "challenger": {},
              "registry": "unreachable: Connection refused.", "registry_failures": 1}
    assert seats(worker) == [
        ("champion", "version 2 is unconfirmed: the registry has not yet said that it is champion"),
        ("registry", "unreachable: Connection refused. (lost 1 time since the worker began)")]
    back = worker | {"champion": {"version": 2, "confirmed": True}, "registry": "reachable"}
    assert seats(back) == [("registry", "reachable (lost 1 time since the worker began)")]
    assert seats(back | {"registry_failures": 0}) == []


def test_what_status_prints_of_a_worker_names_its_registry():
    detail = {"model_version": 2, "champion": {"version": 2, "confirmed": False},
              "registry": "unreachable: Connection refused.", "registry_failures": 3}
    found = told(None, [{"address": "http://localhost:1", "ready": True, "model_version": 2, "detail": detail}])
    assert found["registry"] == "unreachable: Connection refused. (lost 3 times since the worker began)"
    assert "unconfirmed" in found["champion"]


def test_answers_that_contradict_each_other_are_told():
    state = {"ended_at": None, "swept_rows": 5, "found": 1, "repaired": 1, "standing": 0, "conflicts": 0}
    assert [name for name, _ in verify_lines({"verified": state})] == ["verify"]
    assert verify_lines({"verified": state | {"conflicts": 2}})[1] == (
        "conflicts", "2 answers contradict one that the same version had given for the same record")
