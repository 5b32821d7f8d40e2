"""The whole path, from a row to its prediction, with every part real."""

import shutil

import pytest

from benchmarks.stack import Stack
from cargostream.decode import to_array
from cargostream.served import open_model
from cargostream.settings import CLONE
from producers.bad_rows import EXPECTED
from tests.support.images import BAD_IMAGES
from tests.support.pipeline import Pipeline


@pytest.fixture
def pipeline(stack: Stack) -> Pipeline:
    return Pipeline(stack)


def test_each_row_gets_the_answer_of_the_starter_model(pipeline: Pipeline) -> None:
    drawn = [pipeline.draw(f"good{n}.png", n % 5, n) for n in range(60)]
    ids = pipeline.insert([(path, sha256, n % 5) for n, (path, sha256) in enumerate(drawn)])
    answers = pipeline.await_answers(ids)
    model = open_model(CLONE / "model_registry" / "starter")
    for source_id, (path, sha256) in zip(ids, drawn, strict=True):
        content = (pipeline.settings.image_store / path).read_bytes()
        expected, far = model.predict(to_array(content, model.input_size, 10**6)[0])
        answer = answers[source_id]
        assert (answer.status, answer.target, answer.image_sha256) == ("predicted", expected.argmax(), sha256)
        assert answer.label == model.labels[answer.target]
        assert answer.probabilities == pytest.approx(expected.tolist(), abs=1e-4)
        assert answer.embedding_distance == (None if far is None else pytest.approx(far, abs=1e-4))
        assert answer.model_version >= 1
        assert answer.committed_at <= answer.stored_at


def test_each_bad_image_gets_its_code_and_the_next_row_its_prediction(pipeline: Pipeline) -> None:
    folder = pipeline.settings.image_store / "tests" / "bad"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    expected = {}
    for name, (make, code) in BAD_IMAGES.items():
        make(folder / name)
        expected[f"tests/bad/{name}"] = code
    expected |= {"tests/none.png": "file_not_found", "../../etc/passwd": "path_not_allowed",
                 "/etc/passwd": "path_not_allowed", "http://127.0.0.1/x.png": "path_not_allowed"}
    good, digest = pipeline.draw("after.png", 1, 1)
    wrong, _ = pipeline.draw("wrong.png", 2, 2)
    ids = pipeline.insert([*((path, None, None) for path in expected), (wrong, digest, None), (good, digest, None)])
    answers = pipeline.await_answers(ids)
    codes = [answers[source_id].error_code for source_id in ids]
    assert codes == [*expected.values(), "checksum_mismatch", None]
    assert {answer.status for answer in answers.values()} == {"rejected", "predicted"}


def test_the_producer_s_bad_rows_are_answered_as_it_says(pipeline: Pipeline) -> None:
    pipeline.stack.run("data", "synthesize", "stream")
    before = pipeline.ask("SELECT coalesce(max(id), 0) AS id FROM cargo")[0].id
    pipeline.stack.run("produce", "--rows", "60", "--rate", "200", "--mix", "good=1,bad=2")
    pipeline.wait("60 answers", lambda: pipeline.ask(
        "SELECT count(*) AS n FROM cargo_prediction WHERE source_id > :id", id=before)[0].n == 60)
    codes = {row.error_code for row in pipeline.ask(
        "SELECT DISTINCT error_code FROM cargo_prediction WHERE source_id > :id", id=before)}
    assert codes == {None, *(code.value for code in EXPECTED.values())}


def test_a_late_label_moves_the_mirror_and_nothing_else(pipeline: Pipeline) -> None:
    path, digest = pipeline.draw("label.png", 3, 3)
    ids = pipeline.insert([(path, digest, None)])
    first = pipeline.await_answers(ids)[ids[0]]
    pipeline.change("UPDATE cargo SET target = 3 WHERE id = :id", id=ids[0])
    pipeline.wait("the label in the mirror", lambda: pipeline.ask(
        "SELECT 1 FROM cargo WHERE id = :id AND target = 3", id=ids[0]))
    later = pipeline.insert([(path, digest, None)])
    pipeline.await_answers(later)
    assert pipeline.answers(ids)[ids[0]] == first
    assert pipeline.ask("SELECT truth FROM cargo_result WHERE source_id = :id", id=ids[0])[0].truth == 3
    assert len(pipeline.ask("SELECT 1 FROM cargo_prediction_history WHERE source_id = :id", id=ids[0])) == 1


def test_another_image_is_predicted_anew_and_a_deleted_row_leaves_nothing(pipeline: Pipeline) -> None:
    before, after = pipeline.draw("one.png", 0, 10), pipeline.draw("two.png", 4, 11)
    ids = pipeline.insert([(*before, None)])
    pipeline.await_answers(ids)
    pipeline.change("UPDATE cargo SET image_path = :path, sha256 = :sha256 WHERE id = :id",
                    path=after[0], sha256=after[1], id=ids[0])
    pipeline.wait("the second image's answer", lambda: pipeline.answers(ids)[ids[0]].image_sha256 == after[1])
    pipeline.change("DELETE FROM cargo WHERE id = :id", id=ids[0])
    pipeline.wait("no answer", lambda: not pipeline.answers(ids))
    for table, column in (("cargo", "id"), ("cargo_prediction_history", "source_id")):
        pipeline.wait(f"{table} empty", lambda table=table, column=column: not pipeline.ask(
            {"cargo": "SELECT 1 FROM cargo WHERE id = :id",
             "cargo_prediction_history": "SELECT 1 FROM cargo_prediction_history WHERE source_id = :id"}[table],
            id=ids[0]))


def test_rows_from_before_the_first_start_are_predicted(pipeline: Pipeline, rows_from_before: list[int]) -> None:
    answers = pipeline.await_answers(rows_from_before)
    assert {answer.error_code for answer in answers.values()} == {"path_not_allowed"}


def test_a_target_that_restarts_is_caught_up_with_by_nobody_s_hand(pipeline: Pipeline) -> None:
    from signal import SIGINT

    import psutil

    server = psutil.Process(pipeline.stack.status()["parts"]["target"]["pid"])
    server.send_signal(SIGINT)
    server.wait(30)
    drawn = [pipeline.draw(f"away{n}.png", n % 5, 100 + n) for n in range(20)]
    ids = pipeline.insert([(*image, None) for image in drawn])
    pipeline.wait("the target back", lambda: _answers_queries(pipeline))
    assert {answer.status for answer in pipeline.await_answers(ids).values()} == {"predicted"}


def _answers_queries(pipeline: Pipeline) -> bool:
    from sqlalchemy.exc import OperationalError

    try:
        return bool(pipeline.ask("SELECT 1"))
    except OperationalError:
        return False
