"""Rows of the stream that both versions answered: counted from the real history, by the role that promotes."""

import json

import msgspec
import pytest

from cargostream.errors import CargostreamError, Unavailable
from cargostream.records import PREDICTIONS_TOPIC, SOURCE_TOPIC
from model_registry.live import read_live
from model_registry.promote import crown
from tests.support.answers import GOOD

RIGHT, WRONG = {"target": 1, "label": "brick"}, {"target": 4, "label": "wood"}
REJECTED = {"status": "rejected", "error_code": "model_error", "target": None, "label": None, "confidence": None,
            "probabilities": None}


@pytest.fixture
def row(databases):
    """A row of brick as the mirror has it, and answers to it; each answer is (version, purpose, what it says)."""
    def deliver(*answers, truth=1, image_sha256="a" * 64):
        source_id, offset = databases.next(), databases.next()
        mirrored = {"id": source_id, "timestamp": "2026-11-21T10:00:00Z", "image_path": "a.jpg", "target": truth,
                    "sha256": image_sha256, "ingest_key": None, "__op": "c", "__deleted": "false",
                    "__source_ts_ms": 1795270854913, "__source_lsn": 1}
        databases.deliver("target", SOURCE_TOPIC, json.dumps(mirrored).encode(), offset)
        for version, purpose, said in answers:
            answer(source_id, offset, version, purpose, said)
        return source_id

    def answer(source_id, offset, version, purpose, said):
        databases.deliver("target", PREDICTIONS_TOPIC, msgspec.json.encode(msgspec.structs.replace(
            GOOD, source_id=source_id, source_offset=offset, model_version=version, purpose=purpose, **said)))

    deliver.answer = answer
    return deliver


@pytest.fixture
def versions(databases):
    """(champion, candidate) that no other test has."""
    return databases.next(), databases.next()


def test_only_pairs_with_a_known_truth_count(databases, row, versions):
    champion, candidate = versions
    row((champion, "current", RIGHT), (candidate, "shadow", RIGHT))
    row((champion, "current", RIGHT), (candidate, "shadow", WRONG))
    row((champion, "current", WRONG), (candidate, "shadow", RIGHT))
    row((champion, "current", WRONG), (candidate, "shadow", RIGHT))
    row((champion, "current", RIGHT), (candidate, "shadow", REJECTED))  # no answer is a wrong one
    row((champion, "current", REJECTED), (candidate, "shadow", REJECTED))  # the image is at fault
    row((champion, "current", RIGHT), (candidate, "shadow", RIGHT), truth=None)
    row((champion, "current", RIGHT))
    row((candidate, "current", RIGHT))
    row((champion, "current", RIGHT), (candidate, "replay", WRONG))
    live = read_live(databases.engine("target", "operator"), champion, candidate)
    assert (live.pairs, live.champion[0], live.candidate[0]) == (5, 0.6, 0.6)
    assert live.p == 1
    assert read_live(databases.engine("target", "operator"), candidate, champion).pairs == 0


def test_an_answer_about_an_image_that_was_replaced_counts_no_more(databases, row, versions):
    champion, candidate = versions
    source_id = row((champion, "current", RIGHT), (candidate, "shadow", RIGHT))
    assert read_live(databases.engine("target", "operator"), champion, candidate).pairs == 1
    row.answer(source_id, databases.next(), champion, "current", WRONG)  # to the row's next image
    assert read_live(databases.engine("target", "operator"), champion, candidate).pairs == 0


def test_a_candidate_that_is_worse_in_service_is_refused(arena, databases, row):
    arena.settings = databases.settings.model_copy(update={
        "mlflow_tracking_uri": arena.registry.uri, "model_name": arena.name, "home": arena.settings.home})
    champion, candidate = arena.enter(), arena.enter(any_light=True)
    for _ in range(49):
        row((champion, "current", RIGHT), (candidate, "shadow", WRONG))
    assert arena.judge(candidate, live="auto").passed  # too few to judge by, and nobody asked for more
    assert not arena.judge(candidate, live="require").passed
    row((champion, "current", RIGHT), (candidate, "shadow", WRONG))
    compared = arena.judge(candidate, live="auto")
    assert compared.live is not None
    assert compared.live.pairs == 50
    assert [gate.name for gate in compared.gates if not gate.passed] == ["live"]
    with pytest.raises(CargostreamError, match="right on 50 rows of the stream, the champion 1"):
        crown(arena.settings, compared)
    assert arena.champion == champion
    assert arena.judge(candidate, live="ignore").passed


def test_a_database_that_is_away_matters_only_if_it_is_required(arena):
    arena.enter()
    candidate = arena.enter(any_light=True)
    compared = arena.judge(candidate, live="auto")
    assert compared.passed
    assert "in service is left out" in compared.notes[0]
    with pytest.raises(Unavailable, match="target database cannot be asked"):
        arena.judge(candidate, live="require")
