"""Tables, publications and topics that are changed under a running pipeline. Each case has a stack of its own."""

import threading
import time

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cargostream.cli.status import read_status
from cargostream.errors import CargostreamError
from cargostream.records import PARTITIONS, PREDICTIONS_TOPIC, SOURCE_TOPIC
from connectors.schema import apply_schema
from tests.faults import collect
from tests.faults.bench import Bench
from tests.faults.case import case
from tests.faults.watching import Tail, events, moment

REFUSAL = "the topic has more than 8 partitions"
KEYED = text("INSERT INTO cargo (image_path, ingest_key) SELECT '../long key', unnest(CAST(:keys AS text[]))")


@case("E1", "ADD COLUMN, nullable and NOT NULL DEFAULT", "unaffected", faults=2, own_stack=True)
def added_columns(bench: Bench) -> str:
    for column in ("note text", "weight int NOT NULL DEFAULT 1"):
        bench.load()
        bench.inject(f"ADD COLUMN {column}", lambda column=column: bench.admin(  # type: ignore[misc]
            "source", f"ALTER TABLE cargo ADD COLUMN {column}"))
    return bench.verdict(whole_within=30)


@case("E2", "DROP and RENAME of image_path; then the same with the refusal disabled",
      "refused, with what to do instead; forced, nothing is predicted from null, all is kept", faults=1, own_stack=True,
      repairs=True)
def image_path_goes(bench: Bench) -> str:
    bench.load()

    def change() -> None:
        for statement in ("DROP COLUMN image_path", "RENAME COLUMN image_path TO photo", "RENAME TO freight",
                          "REPLICA IDENTITY DEFAULT", "ALTER image_path DROP NOT NULL"):
            with pytest.raises(DBAPIError, match="this change of cargo is refused"):
                bench.admin("source", f"ALTER TABLE cargo {statement}")

    bench.inject("DROP and RENAME", change)
    bench.loads[-1].finish()
    bench.settle()
    bench.admin("source", "ALTER EVENT TRIGGER keep_contract DISABLE",
                "ALTER TABLE cargo RENAME COLUMN image_path TO photo",
                "INSERT INTO cargo (photo, ingest_key) SELECT '../none', 'E2-' || n FROM generate_series(1, 50) n")
    with bench.pipeline.source.connect() as connection:
        ids = list(connection.execute(text("SELECT id FROM cargo WHERE ingest_key LIKE 'E2-%'")).scalars())
    answers = bench.until("they are answered", lambda: (
        found := bench.pipeline.answers(ids)) and len(found) == 50 and found)
    assert {(one.status, one.error_code) for one in answers.values()} == {("rejected", "invalid_message")}
    refused = bench.until("the mirror keeps them", lambda: bench.pipeline.ask(
        "SELECT count(*) AS n, min(reason) AS why FROM refused HAVING count(*) >= 50"))[0]
    bench.admin("source", "ALTER TABLE cargo RENAME COLUMN photo TO image_path",
                "ALTER EVENT TRIGGER keep_contract ENABLE", "DELETE FROM cargo WHERE ingest_key LIKE 'E2-%%'")
    seen = bench.verdict()
    return f"5 changes refused; forced: 50 rows rejected, {refused.n} records kept ({refused.why[:80]}); {seen}"


@case("E3", "image_path text -> varchar, id bigint -> int and back; id to numeric, image_path to bytea",
      "unaffected; the last two are refused", faults=1, own_stack=True)
def changed_types(bench: Bench) -> str:
    bench.load()

    def change() -> None:
        bench.admin("source", "ALTER TABLE cargo ALTER image_path TYPE varchar(600)",
                    "ALTER TABLE cargo ALTER id TYPE int", "ALTER TABLE cargo ALTER id TYPE bigint")
        for statement in ("ALTER id TYPE numeric", "ALTER image_path TYPE bytea USING image_path::bytea"):
            with pytest.raises(DBAPIError):
                bench.admin("source", f"ALTER TABLE cargo {statement}")

    bench.inject("types", change)
    return bench.verdict(whole_within=30)


@case("E4", "a column of the mirror made narrower; a column of the predictions dropped, and added again",
      "what does not fit is kept, told of, and applied again once it fits, by `cargostream dlq replay`; without the "
      "column the task fails loudly, loses nothing, goes on after the fix", faults=2, own_stack=True, repairs=True)
def target_changes(bench: Bench) -> str:
    began = moment(bench)
    bench.load()
    bench.inject("a narrower column", lambda: bench.admin(
        "target", "ALTER TABLE cargo ALTER ingest_key TYPE varchar(90)"))
    bench.expect("../long key", None, "path_not_allowed")
    keys = [f"{'k' * 100}-{number}" for number in range(50)]
    with bench.pipeline.source.begin() as connection:
        connection.execute(KEYED, {"keys": keys})
    refused = bench.until("status tells what is refused", lambda: next(
        (one for one in read_status(bench.settings)["refused"] or () if one["records"] >= len(keys)), None))
    assert "varying(90)" in refused["reason"], refused
    alarm = bench.until("the alarm", lambda: events(bench, "records_refused", began, "target"))[0]
    bench.admin("target", "ALTER TABLE cargo ALTER ingest_key TYPE text")
    bench.stack.run("dlq", "replay", "--all")
    assert _handled(bench) >= len(keys), "not every refused record was applied again"
    bench.settle()

    bench.load()
    bench.inject("a column is gone", lambda: bench.admin(
        "target", "ALTER TABLE cargo_prediction DROP COLUMN stored_at CASCADE"))
    told = bench.until("it is loud", lambda: [
        reason for reason in read_status(bench.settings)["reasons"] if "FAILED" in reason], 60)
    _remake(bench, "stored_at timestamptz NOT NULL DEFAULT clock_timestamp()")
    bench.hurt_at = time.monotonic()
    return f"{alarm.detail[:60]}…, {len(keys)} applied again; then: {told[0][:150]}; {bench.verdict(whole_within=65)}"


@case("E4b", "a column of the predictions dropped that may be null",
      "the task fails loudly rather than drop what belongs there; nothing is lost, and it goes on after the fix",
      faults=1, own_stack=True)
def target_loses(bench: Bench) -> str:
    load = bench.load()
    bench.inject("a column is gone", lambda: bench.admin(
        "target", "ALTER TABLE cargo_prediction DROP COLUMN sharpness CASCADE"))
    told = bench.until("it is loud", lambda: [
        reason for reason in read_status(bench.settings)["reasons"] if "FAILED" in reason], 60)
    since = moment(bench)
    _remake(bench, "sharpness real")
    bench.hurt_at = time.monotonic()
    bench.whole(65)
    load.finish()
    bench.settle()
    bare = bench.pipeline.ask("SELECT count(*) AS n FROM cargo_prediction WHERE status = 'predicted' "
                              "AND sharpness IS NULL AND stored_at >= :since", since=since)[0].n
    assert bare == 0, f"{bare} predictions were stored without what belongs there"
    return f"{told[0][:150]}; {bench.verdict()}"


@case("E5", "the table taken out of the publication and put back; rows written, changed and deleted meanwhile",
      "it is told; verify repairs what was missed, and status takes it back", faults=1, own_stack=True, repairs=True)
def publication_altered(bench: Bench) -> str:
    load = bench.load()
    bench.inject("DROP TABLE from the publication", lambda: bench.admin(
        "source", "ALTER PUBLICATION cargostream DROP TABLE cargo"))
    load.finish()
    load.update(100)
    load.delete(50)
    told = bench.until("status tells", lambda: [
        reason for reason in read_status(bench.settings)["reasons"] if "mirrored" in reason or "differ" in reason], 180)
    bench.admin("source", "ALTER PUBLICATION cargostream ADD TABLE cargo")
    bench.hurt_at = time.monotonic()
    bench.until("verify puts it right", lambda: bench.stack.run("verify", "--repair"), 180)
    assert bench.agree(), "source, mirror and predictions do not agree after `verify --repair`"
    bench.until("status takes it back", lambda: not read_status(bench.settings)["reasons"], 60)
    return f"status: {told[0]}; {bench.verdict()}"


@case("E6", "topic partitions 8 -> 16", "refused: a row's partition follows from its id, and its order from that",
      faults=1, own_stack=True)
def more_partitions(bench: Bench) -> str:
    admin = AdminClient({"bootstrap.servers": bench.settings.bootstrap, "log_level": 0})
    log = Tail(bench.stack, "worker-0")
    bench.load()

    def grow() -> None:
        (future,) = admin.create_partitions([NewPartitions(SOURCE_TOPIC, 2 * PARTITIONS)]).values()
        future.result(30)
        bench.services.kill("worker-0")  # else it finds out within five minutes

    bench.inject("create partitions", grow)
    bench.loads[-1].finish()
    bench.until("the worker refuses", lambda: REFUSAL in log.read())
    told = bench.until("status tells", lambda: read_status(bench.settings)["reasons"])
    before = collect.ends(bench.settings.bootstrap, (PREDICTIONS_TOPIC,))
    refusals = log.read().count(REFUSAL)
    bench.expect("../later", None, "path_not_allowed")
    later = bench.write([("../later", None)] * 50)
    bench.until("the worker refuses again, twice", lambda: log.read().count(REFUSAL) > refusals + 1)
    assert collect.ends(bench.settings.bootstrap, (PREDICTIONS_TOPIC,)) == before, "answers were sent all the same"
    assert not bench.pipeline.answers(later)
    answers = bench.progress()[1]
    bench.stack.run("down")
    with pytest.raises(CargostreamError, match=f"has {2 * PARTITIONS} partitions where {PARTITIONS} are the contract"):
        bench.stack.run("up")
    return f"{answers} rows answered before, none after; status: {told[0][:100]}; `up` refuses with what to do"


@case("E7", "records of the source topic removed before the worker has read them",
      "an alarm, and verify has the rows answered: never a silent jump", faults=1, repairs=True)
def short_retention(bench: Bench) -> str:
    began = moment(bench)
    admin = AdminClient({"bootstrap.servers": bench.settings.bootstrap, "log_level": 0})
    down = threading.Thread(target=lambda: bench.services.hold_down("worker-0", 15))

    def remove() -> None:
        bench.services.kill("worker-0")
        down.start()
        bench.loads[-1].finish()
        bench.until("all rows are mirrored", lambda: bench.mirrored() >= bench.progress()[0])
        ends = collect.ends(bench.settings.bootstrap, (SOURCE_TOPIC,))
        asked = [TopicPartition(SOURCE_TOPIC, partition, end - 5) for (_, partition), end in ends.items() if end > 5]
        for future in admin.delete_records(asked).values():
            future.result(30)

    bench.load(rate=500)
    bench.inject("records removed", remove)
    down.join()
    alarm = bench.until("the alarm", lambda: events(bench, "offsets_lost", began), 120)[0]
    assert alarm.severity == "alarm", alarm
    bench.until("verify puts it right", lambda: bench.stack.run("verify", "--repair"), 180)
    return f"{alarm.detail[:150]}; {bench.verdict()}"


def _handled(bench: Bench) -> int:
    return len(bench.pipeline.ask("SELECT 1 FROM refused WHERE handled = 'replayed'"))


def _remake(bench: Bench, column: str) -> None:
    """Add a column of the predictions again, and what went with it: indexes and views."""
    bench.admin("target", f"ALTER TABLE cargo_prediction ADD COLUMN {column}", "DELETE FROM schema_version")
    apply_schema(bench.settings)
