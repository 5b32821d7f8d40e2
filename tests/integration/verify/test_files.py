"""Rows whose image was not there: when they are looked at again, and until when."""

import pytest

from operations.verify.files import FIRST_S, MissingFiles
from operations.verify.repairs import Repairs
from tests.integration.verify.test_settle import Sent

MISSING = {"status": "rejected", "error_code": "file_not_found", "target": None, "label": None, "confidence": None,
           "image_sha256": None}


@pytest.fixture
def sent():
    return Sent()


@pytest.fixture
def tries(rows, sent):
    return MissingFiles(rows.engines[1], Repairs(*rows.engines, sent))


@pytest.fixture
def missing(rows, databases):
    """A row whose last answer, by the given attempt, came some seconds ago, and whose first came so long before."""
    def make(attempt: int, ago: float, first_ago: float) -> int:
        (identity,) = rows.insert()
        rows.mirror([identity])
        for number in range(attempt + 1):
            rows.answer([identity], **MISSING, attempt=number)
        databases.query("target", "UPDATE cargo_prediction SET stored_at = now() - make_interval(secs => :ago) "
                                  "WHERE source_id = :id", "admin", ago=ago, id=identity)
        databases.query("target", "UPDATE cargo_prediction_history SET stored_at = now() - make_interval(secs => :ago) "
                                  "WHERE source_id = :id AND attempt = 0", "admin", ago=first_ago, id=identity)
        return identity
    return make


@pytest.mark.parametrize(("attempt", "ago", "first_ago", "due"), [
    (0, FIRST_S - 5, FIRST_S - 5, False),
    (0, FIRST_S + 1, FIRST_S + 1, True),
    (2, 4 * FIRST_S - 5, 8 * FIRST_S, False),
    (2, 4 * FIRST_S + 1, 8 * FIRST_S, True),
    (6, 1000, 3500, True),
    (6, 1000, 3700, False),
    (0, 4000, 4000, False),
])
def test_more_and_more_seldom_for_an_hour(missing, tries, sent, attempt, ago, first_ago, due):
    identity = missing(attempt, ago, first_ago)
    tries.try_again()
    mine = [record for record in sent.records if record.key == b'{"id":%d}' % identity]
    assert [int(dict(record.headers)["attempt"]) for record in mine] == ([attempt + 1] if due else [])


def test_what_is_under_way_is_not_sent_again(missing, tries, sent):
    identity = missing(0, 20, 20)
    assert tries.try_again() >= 1
    tries.try_again()
    assert len([record for record in sent.records if record.key == b'{"id":%d}' % identity]) == 1


def test_a_row_that_is_about_another_image_by_now_is_left_alone(rows, missing, tries, sent):
    identity = missing(0, 20, 20)
    rows.mirror([identity], image_path="another.jpg")
    tries.try_again()
    assert not [record for record in sent.records if record.key == b'{"id":%d}' % identity]
