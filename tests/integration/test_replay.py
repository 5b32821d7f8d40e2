"""`cargostream replay` on a running stack: what it changes, and what it must not change."""

import json
from pathlib import Path

import pytest

from benchmarks.stack import Stack
from cargostream.labels import CARGO_LABELS
from cargostream.records import PARTITIONS
from cargostream.replays import Replayer, replay_record
from tests.support.artifacts import write_artifact
from tests.support.pipeline import Pipeline

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def pipeline(stack: Stack) -> Pipeline:
    return Pipeline(stack)


def replay(stack: Stack, *options: str) -> dict[str, object]:
    return dict(json.loads(stack.run("replay", "--json", "--rate", "0", *options)))


def listed(ids: list[int]) -> str:
    return ",".join(map(str, ids))


def test_rows_whose_images_were_mended_are_answered_again(stack: Stack, pipeline: Pipeline) -> None:
    store = pipeline.settings.image_store / "tests"
    store.mkdir(exist_ok=True)
    for n in range(30):
        (store / f"mended-{n}.png").touch()
    ids = pipeline.insert([(f"tests/mended-{n}.png", None, n % 5) for n in range(30)])
    found = pipeline.insert([(pipeline.draw("whole.png", 1, 9_000)[0], None, None)])
    assert {a.error_code for a in pipeline.await_answers(ids).values()} == {"empty_file"}
    pipeline.await_answers(found)
    for n in range(30):
        pipeline.draw(f"mended-{n}.png", n % 5, 9_001 + n)
    told = replay(stack, "--rejected", "empty_file", "--from-id", str(ids[0]), "--to-id", str(found[0]))
    answers = pipeline.answers(ids)
    assert (told["rows"], told["changed"], told["gone"]) == (30, 30, 0)
    assert {(a.status, a.attempt) for a in answers.values()} == {("predicted", 1)}
    assert all(change["before"] == "rejected empty_file" for change in told["changes"])  # type: ignore[attr-defined]
    kept = pipeline.ask("SELECT status FROM cargo_prediction_history WHERE source_id = ANY(:ids) AND attempt = 0",
                        ids=ids)
    assert [row.status for row in kept] == ["rejected"] * 30, "the old answers stay in the history"
    assert pipeline.answers(found)[found[0]].attempt == 0

    again = replay(stack, "--rows", listed(ids[:10]))
    assert (again["rows"], again["same"]) == (10, 10)
    after = pipeline.answers(ids)
    assert all(after[one].attempt == answers[one].attempt + 1 for one in ids[:10])
    assert all(after[one] == answers[one] for one in ids[10:])


def test_words_for_people_say_what_changed(stack: Stack, pipeline: Pipeline) -> None:
    (pipeline.settings.image_store / "tests" / "worded.png").touch()
    ids = pipeline.insert([("tests/worded.png", None, 2)])
    pipeline.await_answers(ids)
    pipeline.draw("worded.png", 2, 9_100)
    said = stack.run("replay", "--rows", listed(ids))
    assert "1 rows answered again" in said
    assert "rejected empty_file" in said
    assert "tests/worded.png" in said


def test_a_repeat_of_an_older_record_does_not_touch_what_is_newer_nor_bring_back_what_is_gone(
        pipeline: Pipeline) -> None:
    path, digest = pipeline.draw("older.png", 3, 9_200)
    newer, newer_digest = pipeline.draw("newer.png", 1, 9_201)
    ids = pipeline.insert([(path, digest, None)] * (2 * PARTITIONS))
    first = pipeline.await_answers(ids)
    changed, gone = ids[:PARTITIONS], ids[PARTITIONS:]
    pipeline.change("UPDATE cargo SET image_path = :path, sha256 = :digest WHERE id = ANY(:ids)",
                    path=newer, digest=newer_digest, ids=changed)
    pipeline.change("DELETE FROM cargo WHERE id = ANY(:ids)", ids=gone)
    pipeline.wait("the new answers", lambda: not pipeline.answers(gone) and all(
        a.image_path == newer for a in pipeline.answers(changed).values()))
    before = pipeline.answers(changed)

    sender = Replayer(pipeline.settings.bootstrap)
    for source_id in ids:
        was = first[source_id]
        row = {"id": source_id, "image_path": path, "sha256": digest}
        sender.send(replay_record(row, was.source_epoch, was.source_partition, was.source_offset, 7))
    sender.flush()
    # A row of each partition behind them: when it has its answer, so have they.
    last = pipeline.insert([(path, digest, None)] * (2 * PARTITIONS))
    for source_id, was in pipeline.await_answers(last).items():
        row = {"id": source_id, "image_path": path, "sha256": digest}
        sender.send(replay_record(row, was.source_epoch, was.source_partition, was.source_offset, 1))
    sender.flush()
    pipeline.wait("the last repeats", lambda: {a.attempt for a in pipeline.answers(last).values()} == {1})
    repeats = pipeline.ask("SELECT source_id FROM cargo_prediction_history WHERE attempt = 7 AND source_id = ANY(:ids)",
                           ids=ids)
    assert sorted(row.source_id for row in repeats) == sorted(changed), "answered, and kept for the history only"
    assert pipeline.answers(changed) == before
    assert not pipeline.answers(gone)


def test_a_named_version_answers_into_the_history_only(stack: Stack, pipeline: Pipeline, tmp_path: Path) -> None:
    write_artifact(tmp_path / "other", shift=1)
    version = stack.register(tmp_path / "other")
    drawn = [pipeline.draw(f"named-{n}.png", n, 9_300 + n) for n in range(5)]
    ids = pipeline.insert([(path, digest, n) for n, (path, digest) in enumerate(drawn)])
    before = pipeline.await_answers(ids)
    for _ in range(2):
        told = replay(stack, "--rows", listed(ids), "--model", str(version))
        assert told["rows"] == 5
        assert told["versions"] == {str(version): 5}
        assert told["accuracy"]["after"] == 0.0  # type: ignore[index]
    history = "SELECT source_id, attempt, label FROM cargo_prediction_history " \
              "WHERE purpose = 'replay' AND model_version = :version ORDER BY attempt, source_id"
    pipeline.wait("its answers in the history", lambda: len(pipeline.ask(history, version=version)) == 10)
    assert [tuple(row) for row in pipeline.ask(history, version=version)] == [
        (source_id, attempt, CARGO_LABELS[(n - 1) % 5]) for attempt in (1, 2) for n, source_id in enumerate(ids)]
    assert pipeline.answers(ids) == before
