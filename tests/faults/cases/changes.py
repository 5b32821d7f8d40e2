"""C12 to C19: in which order, how many and how often rows may change."""

import threading
import time

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from cargostream.database import database_url, engine
from tests.faults.bench import Bench
from tests.faults.case import case
from tests.faults.inputs import answered, fresh_pictures, good_rows, paused_worker, resident_kb, same_worker
from tests.faults.rigs import own_rig
from tests.support.fatal import fatal_decoder

MANY = 100_000
HELD_S = 60.0
NEXT = "SELECT nextval(pg_get_serial_sequence('cargo', 'id')) AS id FROM generate_series(1, :count)"
DRAFT = text("""
    CREATE TEMPORARY TABLE many AS
    SELECT n, coalesce(good.path, '../many') AS path, good.sha256
      FROM generate_series(1, CAST(:rows AS int)) AS n
      LEFT JOIN unnest(CAST(:paths AS text[]), CAST(:digests AS text[])) WITH ORDINALITY AS good (path, sha256, number)
        ON n = 50 * good.number""")
PUT = text("INSERT INTO cargo (id, image_path, sha256) VALUES (:id, :path, :sha256)")


@case("C12", "ids that are committed in random order, a transaction held for 60 s, rollbacks between them",
      "every committed row is predicted, and no rolled back one")
def out_of_order(bench: Bench) -> str:
    rows = good_rows(bench, 200)
    ids = _new_ids(bench, len(rows))
    lots = [list(zip(ids, rows, strict=True))[start::20] for start in range(20)]
    writers = create_engine(database_url(bench.settings, "source", "writer"), poolclass=NullPool)
    connections = [writers.connect() for _ in lots]
    began = time.monotonic()
    try:
        for connection, lot in zip(connections, lots, strict=True):
            connection.execute(PUT, [{"id": i, "path": path, "sha256": digest} for i, (path, digest) in lot])
        order = [int(n) for n in bench.rng.permutation(len(lots))]
        held, gone, committed = order[0], order[1:6], order[6:]
        for number in committed:
            connections[number].commit()
        for number in gone:
            connections[number].rollback()
        early = [i for number in committed for i, _ in lots[number]]
        answered(bench, early)
        assert not bench.pipeline.answers([i for i, _ in lots[held]]), "a row was answered before its commit"
        bench.write(good_rows(bench, 50))
        threading.Event().wait(max(0.0, HELD_S - (time.monotonic() - began)))
        connections[held].commit()
    finally:
        for connection in connections:
            connection.close()
        writers.dispose()
    answered(bench, [i for i, _ in lots[held]])
    said = bench.verdict(minimum=len(early) + 60)
    assert not bench.pipeline.answers([i for number in gone for i, _ in lots[number]])
    return f"14 transactions in random order, one held for {HELD_S:.0f} s, 5 rolled back; {said}"


@case("C13", "100,000 rows in one transaction, then 100,000 transactions of one row; every fiftieth an image that no "
      "other row has", "each row is answered once, about its own image; the worker's memory stays flat",
      timeout_s=2400)
def many(bench: Bench) -> str:
    bench.expect("../many", None, "path_not_allowed")
    answered(bench, bench.write(good_rows(bench, 100)))
    admin = engine(bench.settings, "source", "admin").execution_options(isolation_level="AUTOCOMMIT")
    took = []
    with same_worker(bench) as pid:
        before = resident_kb(pid)
        for statement in (
            "INSERT INTO cargo (image_path, sha256) SELECT path, sha256 FROM many ORDER BY n",
            "DO $$ BEGIN FOR i IN 1..100000 LOOP INSERT INTO cargo (image_path, sha256) "
            "SELECT path, sha256 FROM many WHERE n = i; COMMIT; END LOOP; END $$",
        ):
            good = good_rows(bench, MANY // 50)
            began = time.monotonic()
            with admin.connect() as connection:
                connection.execute(text("SET statement_timeout = 0"))
                connection.execute(text("SET synchronous_commit = off"))
                connection.execute(DRAFT, {"rows": MANY, "paths": [path for path, _ in good],
                                           "digests": [digest for _, digest in good]})
                connection.execute(text("CREATE INDEX ON many (n)"))
                connection.execute(text(statement))
                connection.execute(text("DROP TABLE many"))
            bench.settle(900)
            took.append(time.monotonic() - began)
        grown = (resident_kb(pid) - before) / 1024
    admin.dispose()
    bench.figures |= {"rss_grown_mb": round(grown, 1), "seconds_each": [round(each) for each in took]}
    assert grown < 150, f"the worker's memory grew by {grown:.0f} MB"
    said = bench.verdict(minimum=2 * MANY)
    return f"answered after {took[0]:.0f} s and {took[1]:.0f} s, the worker's RSS + {grown:.0f} MB; {said}"


@case("C14", "ten UPDATEs of a row's image in quick succession, of 30 rows", "one answer a row, about its last image")
def often(bench: Bench) -> str:
    ids = sorted(bench.write(good_rows(bench, 30)))
    pictures = fresh_pictures(bench, 10 * len(ids))
    for picture in pictures:
        bench.expect(*picture, bench.good(picture))
    for number, picture in enumerate(pictures):
        bench.pipeline.change("UPDATE cargo SET image_path = :path, sha256 = :sha256 WHERE id = :id",
                              path=picture.path, sha256=picture.sha256, id=ids[number % len(ids)])
    said = bench.verdict(minimum=len(ids))
    found = bench.pipeline.answers(ids)
    assert [found[i].image_sha256 for i in ids] == [picture.sha256 for picture in pictures[-len(ids):]]
    return f"{len(pictures)} updates of {len(ids)} rows, each ends with its last image; {said}"


@case("C15", "UPDATE of the primary key", "the old id's answer goes, the new id gets one")
def renamed(bench: Bench) -> str:
    ids = sorted(bench.write(good_rows(bench, 20)))
    answered(bench, ids)
    fresh = _new_ids(bench, len(ids))
    for old, new in zip(ids, fresh, strict=True):
        bench.pipeline.change("UPDATE cargo SET id = :new WHERE id = :old", old=old, new=new)
    bench.forget(*ids)
    answered(bench, fresh)
    said = bench.verdict(minimum=len(fresh))
    assert not bench.pipeline.answers(ids)
    return f"{len(ids)} ids changed, no answer left under the old ones; {said}"


@case("C16", "DELETE before and after the prediction; INSERT, DELETE, INSERT of one id",
      "the target follows the last event; no old answer comes back")
def deleted(bench: Bench) -> str:
    before, after, twice = (_new_ids(bench, 20) for _ in range(3))
    first = dict(zip((*before, *after, *twice), good_rows(bench, 60), strict=True))
    second = dict(zip(twice, good_rows(bench, 20), strict=True))
    _put(bench, {i: first[i] for i in after})
    answered(bench, after)
    with paused_worker(bench):
        _put(bench, {i: first[i] for i in (*before, *twice)})
        _delete(bench, [*before, *after, *twice])
        _put(bench, second)
    _put(bench, {i: first[i] for i in after})
    answered(bench, after)
    _delete(bench, after)
    _put(bench, {i: first[i] for i in after[:10]})
    said = bench.verdict(minimum=30)
    found = bench.pipeline.answers([*before, *after, *twice])
    assert found.keys() == {*twice, *after[:10]}
    assert all(found[i].image_path == second[i][0] for i in twice), "an old answer came back"
    return f"40 of 60 ids deleted for good or a while, 30 there again with their last image's answer; {said}"


@case("C17", "TRUNCATE of the source while rows flow", "refused by a trigger, also for the owner; rows go on flowing")
def truncated(bench: Bench) -> str:
    bench.load(300)
    for role in ("writer", "admin"):
        each = engine(bench.settings, "source", role)  # type: ignore[arg-type]
        with (pytest.raises(DBAPIError, match=r"TRUNCATE of cargo is refused|permission denied"),
              each.begin() as connection):
            connection.execute(text("TRUNCATE cargo"))
        each.dispose()
    return f"refused to writer and owner; {bench.verdict()}"


@case("C17b", "a TRUNCATE that is forced: its trigger is switched off first",
      "`verify` reports what is left over as an alarm, and takes it away", own_stack=True, repairs=True)
def forced(bench: Bench) -> str:
    bench.write(good_rows(bench, 100))
    bench.settle()
    admin = engine(bench.settings, "source", "admin")
    with admin.begin() as connection:
        connection.execute(text("ALTER TABLE cargo DISABLE TRIGGER refuse_truncate"))
        connection.execute(text("TRUNCATE cargo"))
        connection.execute(text("ALTER TABLE cargo ENABLE TRIGGER refuse_truncate"))
        bench.forget(*range(bench.first, bench.first + 1000))
    admin.dispose()
    bench.stack.run("verify", "--repair")
    bench.pipeline.wait("nothing left over", lambda: not bench.pipeline.ask(
        "SELECT 1 FROM cargo WHERE id >= :first UNION ALL SELECT 1 FROM cargo_prediction WHERE source_id >= :first",
        first=bench.first), 180)
    told = bench.pipeline.ask("SELECT detail FROM cargo_event WHERE kind = 'rows_differ' ORDER BY at DESC LIMIT 1")
    assert told, "nothing was said of the difference"
    rows = good_rows(bench, 50)
    answered(bench, bench.write(rows))
    return f"100 rows left over were told of ({told[0].detail}) and taken away; {bench.verdict(minimum=50)}"


@case("C18", "an image that ends the process that decodes it (SIGSEGV), among 200 good ones",
      "`crashed_worker` after two trials in a child process; the others are predicted", quick=True)
def poison(bench: Bench) -> str:
    with own_rig() as rig:
        fatal_decoder(rig)
        rig.stream(0, 100)
        rig.row(100, "deadly.png")
        rig.stream(101, 100)
        ends = 0
        rig.start()
        deadline = time.monotonic() + 180
        while sum(rig.committed().values()) < 201:
            assert time.monotonic() < deadline, f"the rows were not answered within 180 s: {rig.log()[-2000:]}"
            if rig.workers[-1].poll() is not None:
                ends += 1
                rig.start()
            time.sleep(0.2)
        answers = {one.source_id: (one.status, one.error_code) for one in rig.predictions()}
    assert answers == dict.fromkeys(range(201), ("predicted", None)) | {100: ("rejected", "crashed_worker")}
    assert ends == 1, f"the worker ended {ends} times"
    bench.verdict(minimum=0)
    return "the worker ended once by SIGSEGV, the row is crashed_worker, the 200 others are predicted"


@case("C19", "2,000 rows at once behind a quiet stream: more than ten times what is usual",
      "the lag grows and goes back to 0; no rebalance", timeout_s=900)
def burst(bench: Bench) -> str:
    bench.load(300, rate=50, burst=0).finish()
    before = _assignments(bench)
    with same_worker(bench):
        began = time.monotonic()
        load = bench.load(2000, burst=1, bad=0.05)
        load.finish()
        rows, through = bench.progress()
        highest = rows - through
        bench.settle(600)
        took = time.monotonic() - began
    assert highest > 500, f"only {highest} rows were in flight"
    assert _assignments(bench) == before, "the group was rebalanced"
    return f"{highest:,} rows in flight at once, all answered after {took:.0f} s, no rebalance; {bench.verdict()}"


def _new_ids(bench: Bench, count: int) -> list[int]:
    admin = engine(bench.settings, "source", "admin")
    try:
        with admin.connect() as connection:
            return [int(i) for i in connection.execute(text(NEXT), {"count": count}).scalars()]
    finally:
        admin.dispose()


def _put(bench: Bench, rows: "dict[int, tuple[str, str | None]]") -> None:
    with bench.pipeline.source.begin() as connection:
        connection.execute(PUT, [{"id": i, "path": path, "sha256": digest} for i, (path, digest) in rows.items()])


def _delete(bench: Bench, ids: list[int]) -> None:
    bench.pipeline.change("DELETE FROM cargo WHERE id = ANY(:ids)", ids=ids)


def _assignments(bench: Bench) -> int:
    return sum(file.read_text(errors="replace").count(" assigned ")
               for file in (bench.settings.home / "logs").glob("worker-0.log*"))
