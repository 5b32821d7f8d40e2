"""A real worker on a real broker: what becomes of each record."""

import hashlib
import time

import msgspec
import numpy as np
import pytest

from cargostream.cache import Cache
from cargostream.decode import to_array
from cargostream.images import MARKER
from cargostream.labels import CARGO_LABELS
from cargostream.records import MODEL_NAME, SOURCE_TOPIC
from cargostream.served import open_model
from tests.support.days import answers, put_in_cache, reference
from tests.support.images import BAD_IMAGES
from tests.support.workers import Rig


def test_good_bad_and_unreadable_records_each_get_what_they_are_due(rig: Rig) -> None:
    expected: dict[int, tuple[str, str | int | None]] = {}
    for number, (name, (make, code)) in enumerate(BAD_IMAGES.items()):
        make(rig.images / name)
        rig.row(1000 + number, name)
        expected[1000 + number] = ("rejected", code)
    rig.row(2000, "../secret.png")
    rig.row(2001, "wood/none.png")
    rig.row(2002, "wood/1.png", sha256="0" * 64)
    rig.row(2003, None)
    rig.row(2004, "wood/1.png", op="d")
    rig.row(2005, "wood/1.png", op="u", __before_image_path="wood/1.png", target=4)
    rig.row(2006, "wood/1.png", op="u", __before_image_path="brick/1.png")
    expected |= {2000: ("rejected", "path_not_allowed"), 2001: ("rejected", "file_not_found"),
                 2002: ("rejected", "checksum_mismatch"), 2003: ("rejected", "invalid_message"),
                 2004: ("deleted", None), 2006: ("predicted", None)}
    unreadable = [(None, b"{}"), (b'{"id": 1}', None), (b'{"id": 1}', b"null"), (b'{"id": 1}', b"\0\0\0\0\1"),
                  (b'{"id": 1}', b"[" * 100_000), (b'{"id": "x"}', b'{"id": 1}'), (b'{"id": 1}', b"x" * 1_040_000)]
    for key, value in unreadable:
        rig.record(key, value, 3)
    rig.stream(0, 100)
    expected |= dict.fromkeys(range(100), ("predicted", None))
    records = len(expected) + 1 + len(unreadable)

    rig.start()
    rig.wait("all committed", lambda: sum(rig.committed().values()) == records)
    answers = rig.predictions()
    assert {a.source_id: (a.status, a.error_code) for a in answers} == expected
    assert len(answers) == len(expected)
    digests = {n: hashlib.sha256((rig.images / label / "1.png").read_bytes()).hexdigest()
               for n, label in enumerate(CARGO_LABELS)}
    assert all((a.target, a.image_sha256) == (a.source_id % 5, digests[a.source_id % 5])
               for a in answers if a.source_id < 100)
    letters = rig.dead_letters()
    assert sorted(map(str, ((key, (value or b"")[:1000]) for key, value, _ in letters))) == sorted(
        map(str, ((key, (value or b"")[:1000]) for key, value in unreadable)))
    assert len({(h["partition"], h["offset"]) for *_, h in letters}) == len(unreadable)
    assert all(h["topic"] == SOURCE_TOPIC and h["reason"] for *_, h in letters)
    assert [h["cut_from"] for *_, h in letters if "cut_from" in h] == ["1040000"]
    counts = rig.health()["counts"]
    assert counts["unreadable"] == len(unreadable)
    assert counts["unchanged"] == counts["deleted"] == 1


def test_an_image_may_be_a_little_late(rig: Rig) -> None:
    rig.start(image_patience_s=5)
    rig.ready()
    rig.row(1, "wood/late.png")
    rig.row(2, "wood/never.png")
    rig.stream(5, 5)
    rig.wait("the others answered", lambda: len(rig.predictions()) == 5)
    rig.draw("wood/late.png", 4)
    rig.wait("all answered", lambda: len(rig.predictions()) == 7)
    answers = {a.source_id: (a.status, a.error_code) for a in rig.predictions()}
    assert (answers[1], answers[2]) == (("predicted", None), ("rejected", "file_not_found"))


def test_without_its_store_a_worker_waits_and_answers_nothing(rig: Rig) -> None:
    (rig.images / MARKER).unlink()
    rig.row(1, "wood/1.png")
    rig.producer.flush(30)
    rig.start(image_patience_s=0)
    rig.wait("a row waits", lambda: rig.health().get("waiting") == 1)
    time.sleep(1.5)
    assert rig.predictions() == []
    assert rig.committed() == {}
    rig.draw("wood/1.png", 4)
    (rig.images / MARKER).touch()
    rig.wait("an answer", lambda: [a.status for a in rig.predictions()] == ["predicted"])


def test_the_log_holds_no_payload(rig: Rig) -> None:
    rig.record(b'{"id": 1}', b"seeded-canary", 1)
    rig.row(2, "canary/\u202epath.png")
    rig.producer.flush(30)
    rig.start(log_json=True)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 2)
    assert "canary" not in rig.log()
    assert all(msgspec.json.decode(line)["message"] for line in rig.log().splitlines())


def test_an_answer_says_how_unlike_all_that_it_learnt_the_model_finds_the_image(rig: Rig) -> None:
    known = reference({"monday": answers(np.random.default_rng(0), 20)})
    put_in_cache(rig.home, 4, known)
    rig.draw("1.png", 1)
    rig.row(0, "1.png")
    rig.start()
    rig.wait("answered", rig.predictions)
    cache = Cache(rig.home / "models")
    model = open_model(cache.path(cache.last_champion(MODEL_NAME).digest))
    expected = model.predict(to_array((rig.images / "1.png").read_bytes(), model.input_size, 10**6)[0])
    (answer,) = rig.predictions()
    assert expected.embedding_distance is not None
    assert answer.embedding_distance == pytest.approx(expected.embedding_distance, abs=1e-4)
    assert 0.01 < answer.embedding_distance < 2
