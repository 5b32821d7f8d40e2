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
from cargostream.records import PARTITIONS, SOURCE_TOPIC
from tests.faults import collect
from tests.faults.bench import Bench
from tests.faults.case import case


@case("E1", "ADD COLUMN, nullable and NOT NULL DEFAULT", "unaffected", faults=2, own_stack=True)
def added_columns(bench: Bench) -> str:
    for column in ("note text", "weight int NOT NULL DEFAULT 1"):
        bench.load()
        bench.inject(f"ADD COLUMN {column}", lambda column=column: bench.admin(  # type: ignore[misc]
            "source", f"ALTER TABLE cargo ADD COLUMN {column}"))
    return bench.verdict(whole_within=30)


@case("E2", "DROP and RENAME of image_path; then the same with the refusal disabled",
      "refused, with what to do instead; forced, nothing is predicted from null, all is kept", faults=1, own_stack=True)
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


@case("E4", "a column of the target made narrower, and one dropped",
      "what does not fit is kept and applied once it fits; the task fails loudly, loses nothing, goes on after the fix",
      faults=2, own_stack=True)
def target_changes(bench: Bench) -> str:
    bench.load()
    bench.inject("a CHECK that refuses a class", lambda: bench.admin(
        "target", "ALTER TABLE cargo_prediction ADD CONSTRAINT narrow CHECK (target <> 1) NOT VALID"))
    refused = bench.until("records are kept with the reason", lambda: bench.pipeline.ask(
        "SELECT count(*) AS n FROM refused WHERE reason LIKE '%narrow%' HAVING count(*) > 0"))[0].n
    bench.loads[-1].finish()
    bench.admin("target", "ALTER TABLE cargo_prediction DROP CONSTRAINT narrow")
    bench.until("verify puts them right", lambda: bench.stack.run("verify", "--repair"), 180)
    bench.settle()

    bench.load()
    bench.inject("a column is gone", lambda: bench.admin(
        "target", "ALTER TABLE cargo_prediction RENAME COLUMN source_offset TO gone"))
    told = bench.until("it is loud", lambda: [
        reason for reason in read_status(bench.settings)["reasons"] if "FAILED" in reason], 60)
    bench.admin("target", "ALTER TABLE cargo_prediction RENAME COLUMN gone TO source_offset")
    bench.hurt_at = time.monotonic()
    return f"{refused} records kept and put right; then: {told[0][:150]}; {bench.verdict(whole_within=65)}"


@case("E5", "the table taken out of the publication and put back", "it is told; verify repairs what was missed",
      faults=1, own_stack=True)
def publication_altered(bench: Bench) -> str:
    bench.load()
    bench.inject("DROP TABLE from the publication", lambda: bench.admin(
        "source", "ALTER PUBLICATION cargostream DROP TABLE cargo"))
    bench.loads[-1].finish()
    bench.write([("../missed", None)] * 20)
    bench.expect("../missed", None, "path_not_allowed")
    told = bench.until("status tells", lambda: [
        reason for reason in read_status(bench.settings)["reasons"] if "mirrored" in reason or "differ" in reason], 180)
    bench.admin("source", "ALTER PUBLICATION cargostream ADD TABLE cargo")
    bench.hurt_at = time.monotonic()
    bench.until("verify puts it right", lambda: bench.stack.run("verify", "--repair"), 180)
    return f"status: {told[0]}; {bench.verdict()}"


@case("E6", "topic partitions 8 -> 16", "refused: a row's partition follows from its id, and its order from that",
      faults=1, own_stack=True)
def more_partitions(bench: Bench) -> str:
    admin = AdminClient({"bootstrap.servers": bench.settings.bootstrap, "log_level": 0})
    bench.load()

    def grow() -> None:
        (future,) = admin.create_partitions([NewPartitions(SOURCE_TOPIC, 2 * PARTITIONS)]).values()
        future.result(30)
        bench.services.kill("worker-0")  # else it finds out within five minutes

    bench.inject("create partitions", grow)
    bench.loads[-1].finish()
    log = bench.stack.home / "logs" / "worker-0.log"
    bench.until("the worker refuses", lambda: "the topic has more than 8 partitions" in log.read_text())
    told = bench.until("status tells", lambda: read_status(bench.settings)["reasons"])
    answers = bench.progress()[1]
    bench.stack.run("down")
    with pytest.raises(CargostreamError, match=f"has {2 * PARTITIONS} partitions where {PARTITIONS} are the contract"):
        bench.stack.run("up")
    return f"{answers} rows answered before, none after; status: {told[0][:100]}; `up` refuses with what to do"


@case("E7", "records of the source topic removed before the worker has read them",
      "an alarm, and verify has the rows answered: never a silent jump", faults=1)
def short_retention(bench: Bench) -> str:
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
    bench.until("the alarm", lambda: bench.pipeline.ask("SELECT 1 FROM cargo_event WHERE kind = 'offsets_lost'"), 120)
    bench.until("verify puts it right", lambda: bench.stack.run("verify", "--repair"), 180)
    return bench.verdict()
