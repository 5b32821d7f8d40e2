"""A real slot: it stays the same while it is read, and is another once it was made anew, however quickly."""

import pytest
from sqlalchemy import text

from operations.verify.slots import SLOT, change, read_slot

READ = "SELECT count(*) FROM pg_logical_slot_get_binary_changes(:slot, NULL, NULL, 'proto_version', '1', " \
       "'publication_names', 'cargostream')"
MAKE = "SELECT pg_create_logical_replication_slot(:slot, 'pgoutput')"
DROP = "SELECT pg_drop_replication_slot(:slot)"


@pytest.fixture
def run(databases):
    """Statements in transactions of their own: a slot is not made in one that has written."""
    admin = databases.engine("source", "admin")

    def statement(words):
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(words), {"slot": SLOT})
    yield statement
    if read_slot(admin).name:
        statement(DROP)


def test_a_slot_is_known_from_one_that_took_its_place(rows, run):
    source, _ = rows.engines
    none = read_slot(source)
    assert none.lost
    run(MAKE)
    first = read_slot(source)
    assert change(none, first) == "remade"
    for _ in range(2):
        rows.insert(3)
        run(READ)
    read = read_slot(source)
    assert change(first, read) is None
    assert (read.confirmed, read.txns) > (first.confirmed, first.txns)

    run(DROP)
    rows.insert(3)
    run(MAKE)
    remade = read_slot(source)
    assert remade.confirmed >= read.confirmed, "its positions alone would not tell"
    assert change(read, remade) == "remade"
    rows.insert(1)
    run(READ)
    assert change(remade, read_slot(source)) is None
