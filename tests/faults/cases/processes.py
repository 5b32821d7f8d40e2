"""A1-A13, A20-A23: processes that are killed, stopped or held up, and databases that are away."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from itertools import islice, pairwise

import httpx
import psutil
from confluent_kafka import Producer

from cargostream.cli.status import read_status
from cargostream.records import INGEST_TOPIC, PARTITIONS, SINK_CONNECTOR, SOURCE_CONNECTOR, SOURCE_TOPIC
from cargostream.settings import CLONE
from connectors.heal import LOUD_AFTER
from connectors.status import status as connector_status
from tests.faults.bench import Bench
from tests.faults.case import NEEDS, case
from tests.faults.inputs import good_rows
from tests.faults.services import EVERYTHING
from tests.faults.topic import limit_records, never_back, record_limit
from tests.faults.watching import Tail, events, moment
from tests.support.images import huge_png

LOUD = "connector fails again and again"
STARTED = re.compile(r"^(\S+)Z INFO  Worker: Creating task (\S+)", re.MULTILINE)
NEEDS["cc"] = lambda: shutil.which("cc") is not None


@case("A1", "kill -9 of the worker mid-batch", "goes on from the committed offset; nothing lost, none doubled",
      faults=1, quick=True)
def killed_worker(bench: Bench) -> str:
    bench.load()
    bench.inject("kill -9 worker-0", lambda: bench.services.kill("worker-0"))
    return bench.verdict(whole_within=30)


@case("A2", "SIGTERM to the worker mid-batch", "answers what it holds, commits, exits 0 within 30 s; starts again",
      faults=1)
def stopped_worker(bench: Bench) -> str:
    bench.load()
    process = bench.services.process("worker-0")
    began = time.monotonic()
    bench.inject("SIGTERM worker-0", lambda: bench.services.kill("worker-0", number=signal.SIGTERM))
    took = bench.hurt_at - began
    assert took < 30, f"it took {took:.0f} s to stop"
    told = bench.until("the runner tells how it ended", lambda: bench.services.last_words("worker-0", process.pid))
    assert told == "exit status 0", told
    return f"stopped with exit status 0 after {took:.1f} s; " + bench.verdict(whole_within=30)


@case("A3", "SIGSTOP of one of two workers past its session, UPDATEs and DELETEs of its rows, then SIGCONT",
      "its partitions move; what it sends late changes nothing, no offset goes back", faults=1)
def sleeping_worker(bench: Bench) -> str:
    services = bench.services
    sleeper = services.start_worker(1)
    bench.until("two workers share the partitions",
                lambda: services.partitions(0) == services.partitions(1) == PARTITIONS // 2)
    with never_back(bench) as offsets:
        load = bench.load()
        # Early, while there is a queue: it goes on with it when it wakes up, before it hears that it has been replaced.
        bench.inject("SIGSTOP of a worker", lambda: sleeper.send_signal(signal.SIGSTOP), low=0.4)
        bench.until("the other has all partitions", lambda: services.partitions(0) == PARTITIONS)
        load.finish()
        load.update(200)
        load.delete(50)
        before = bench.repeats()
        bench.settle()
        sleeper.send_signal(signal.SIGCONT)
        bench.until("the sleeper is back in the group", lambda: services.partitions(1) == PARTITIONS // 2)
        seen = bench.verdict()
        late_answers = bench.repeats() - before
        assert late_answers > 0, "the sleeper sent nothing late, so nothing was shown"
        assert services.stop_worker(1) == 0
        bench.until("the other has all partitions again", lambda: services.partitions(0) == PARTITIONS)
    moved = sum(offsets[-1].values()) - sum(offsets[0].values())
    assert moved >= load.total, f"the committed offsets were seen to move by {moved} only"
    return (f"{late_answers} late answers were sent and changed nothing; committed offsets, looked at {len(offsets)} "
            f"times, moved by {moved} and never back; {seen}")


@case("A4", "workers 1 -> 3 -> 1 three times under load", "12 or more rebalances; nothing lost, none doubled", faults=1)
def scaled_workers(bench: Bench) -> str:
    services, turns = bench.services, 3
    bench.load(burst=0.6, rate=10)

    def out() -> None:
        for index in (1, 2):
            services.start_worker(index)

    bench.inject("two workers more", out)
    for turn in range(turns):
        if turn:
            out()
        bench.until("three workers share", lambda: all(services.partitions(index) for index in range(3)))
        for index in (1, 2):
            assert services.stop_worker(index) == 0
        bench.until("one worker has all", lambda: services.partitions(0) == PARTITIONS)
    bench.hurt_at = time.monotonic()
    return f"{4 * turns} joins and leaves; " + bench.verdict(whole_within=30)


@case("A5", "kill -9 of Connect while the source is read", "captured again from the slot; repeats by key only",
      faults=1, quick=True)
def killed_connect_capturing(bench: Bench) -> str:
    bench.load(4 * bench.rows, burst=0.95, lot=100_000)  # one transaction, so that it takes a while
    bench.inject("kill -9 connect", lambda: bench.services.kill("connect"), passed=bench.captured)
    return bench.verdict(whole_within=30)


@case("A6", "kill -9 of Connect while the sink flushes", "delivered again; the guard absorbs it", faults=1)
def killed_connect_flushing(bench: Bench) -> str:
    bench.load(burst=0.9)
    bench.inject("kill -9 connect", lambda: bench.services.kill("connect"), passed=bench.mirrored)
    return bench.verdict(whole_within=30)


@case("A7", "tasks forced to FAILED: the sink's by taking its right, then the source's by a topic that takes no "
      "record; each for so long that it is loud",
      "told within 30 s; only the connector that failed is restarted, with growing pauses; an alarm; healed once the "
      "fault is gone", faults=2)
def failed_tasks(bench: Bench) -> str:
    sink = _until_loud(
        bench, SINK_CONNECTOR, "permission denied",
        lambda: bench.admin("target", "REVOKE INSERT ON inbox FROM cargostream_sink"),
        lambda: bench.admin("target", "GRANT INSERT ON inbox TO cargostream_sink"))
    usual = record_limit(bench, SOURCE_TOPIC)
    source = _until_loud(
        bench, SOURCE_CONNECTOR, "larger than the max message size",
        lambda: limit_records(bench, SOURCE_TOPIC, 100), lambda: limit_records(bench, SOURCE_TOPIC, usual))
    return f"{sink}; {source}; {bench.verdict()}"


def _until_loud(bench: Bench, name: str, why: str, hurt: Callable[[], None], mend: Callable[[], None]) -> str:
    began, connect, runner = moment(bench), Tail(bench.stack, "connect"), Tail(bench.stack, "supervisor")
    load = bench.load()
    bench.inject(f"{name} made to fail", hurt)
    try:
        failed = bench.until(f"a task of {name} is FAILED", lambda: [task for each in connector_status(bench.settings)
                             if each["name"] == name for task in each["tasks"] if task["state"] == "FAILED"], 30)
        told_s = time.monotonic() - bench.hurt_at
        bench.until("the runner's log is loud", lambda: LOUD in runner.read(), 180)
    finally:
        mend()
    loud_s, bench.hurt_at = time.monotonic() - bench.hurt_at, time.monotonic()
    assert why in failed[0]["cause"], failed
    starts = [(datetime.fromisoformat(at), task) for at, task in STARTED.findall(connect.read())]
    assert all(task.startswith(name) for _, task in starts), f"others were restarted too: {starts}"
    pauses = [(later - at).total_seconds() for (at, _), (later, _) in pairwise(starts)]
    pauses = [pause for pause in pauses if pause > 0.5]  # tasks of one connector are restarted together
    assert len(pauses) >= LOUD_AFTER - 2, pauses  # it is loud right before the last of these starts
    assert pauses[-1] > pauses[0] + 1, f"the pauses do not grow: {pauses}"
    bench.whole(65)  # the longest pause between two tries, and the start
    load.finish()
    assert bench.until("the alarm", lambda: events(bench, "connector_failed", began, name))[0].severity == "alarm"
    bench.settle()
    shown = ", ".join(f"{pause:.0f}" for pause in pauses)
    return f"{name}: told after {told_s:.0f} s, restarted alone after {shown} s, alarm after {loud_s:.0f} s"


@case("A8", "kill -9 of the broker, restarted on its log", "producers try again; nothing acknowledged is lost",
      faults=1, quick=True)
def killed_broker(bench: Bench) -> str:
    bench.load()
    bench.inject("kill -9 kafka", lambda: bench.services.kill("kafka"))
    return bench.verdict(whole_within=30)


@case("A9", "SIGSTOP of the broker for 60 s", "time-outs are tried again; no part crashes over and over", faults=1)
def paused_broker(bench: Bench) -> str:
    bench.load()
    before = {part: bench.services.restarts(part) for part in EVERYTHING}

    def pause() -> None:
        bench.services.pause("kafka")
        time.sleep(60)
        bench.services.resume()

    bench.inject("SIGSTOP kafka for 60 s", pause)
    seen = bench.verdict(whole_within=60)
    again = {part: bench.services.restarts(part) - before[part] for part in EVERYTHING}
    assert max(again.values()) <= 2, f"restarts: {again}"
    started = ", ".join(f"{part} {number}" for part, number in again.items() if number) or "none"
    return f"parts started anew: {started}; {seen}"


@case("A10", "source Postgres: fast shutdown, immediate shutdown, kill -9 of the postmaster",
      "the slot survives; the connector goes on by itself", faults=3)
def restarted_source(bench: Bench) -> str:
    for name, number in (("fast", signal.SIGINT), ("immediate", signal.SIGQUIT), ("kill -9", signal.SIGKILL)):
        bench.load(max(300, bench.rows // 2))
        bench.inject(f"{name} of source", lambda number=number: bench.services.kill("source", number=number))
        bench.whole(30)
        bench.settle()
    return bench.verdict()


@case("A11", "target Postgres down for 120 s", "the sink tries again, commits nothing, catches up by itself", faults=1)
def target_away(bench: Bench) -> str:
    bench.load(rate=50)
    bench.inject("target down for 120 s", lambda: bench.services.hold_down("target", 120))
    return bench.verdict(whole_within=60)


@case("A12", "the replication slot dropped; rows written, changed and deleted while there is none",
      "the source connector stops loudly; after `connectors recapture` the verification restores every row", faults=1,
      own_stack=True, timeout_s=1200, repairs=True)
def lost_slot(bench: Bench) -> str:
    load = bench.load()

    def drop() -> None:
        def dropped() -> bool:
            bench.admin("source", "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active",
                        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")
            return not bench.held_slots()
        bench.until("the slot dropped", dropped)

    bench.inject("slot dropped", drop)
    load.finish()
    load.update(100)
    load.delete(50)
    reason = bench.until("status tells", lambda: next(
        (why for why in read_status(bench.settings)["reasons"] if "slot" in why), None))
    alarm = "SELECT 1 FROM cargo_event WHERE kind = 'slot_lost' AND severity = 'alarm'"
    bench.until("the alarm", lambda: bench.pipeline.ask(alarm), 120)
    bench.stack.run("connectors", "recapture", "--yes")
    bench.hurt_at = time.monotonic()
    bench.until("nothing left over and nothing missing", bench.agree, 400)
    return f"status: {reason}; after `connectors recapture`: {bench.verdict()}"


@case("A13", "the source connector paused while 100,000 rows are written, 3,000 of them images that no other has",
      "the WAL that is held stays below its limit, `cargostream status` is loud, all rows are caught up with", faults=1,
      timeout_s=1200)
def paused_capture(bench: Bench) -> str:
    load = bench.load(burst=0.9)
    connector = f"{bench.settings.connect_url}/connectors/{SOURCE_CONNECTOR}"
    bench.expect("../off", None, "path_not_allowed")
    good = iter(good_rows(bench, 3000))

    def pause() -> None:
        httpx.put(f"{connector}/pause", timeout=30, trust_env=False).raise_for_status()
        while lot := list(islice(good, 60)):
            rows = [("../off", None)] * (2000 - len(lot)) + lot
            bench.write([rows[n] for n in bench.rng.permutation(len(rows))])

    try:
        bench.inject("source connector paused", pause)
        load.finish()
        slot = bench.held_wal()
        reasons = read_status(bench.settings)["reasons"]
    finally:
        httpx.put(f"{connector}/resume", timeout=30, trust_env=False).raise_for_status()
    assert any(SOURCE_CONNECTOR in reason for reason in reasons), reasons
    assert slot["wal_status"] in ("reserved", "extended"), slot
    bench.hurt_at = time.monotonic()
    bench.settle(900)
    seen = bench.verdict()
    return f"{slot['held_bytes'] / 1e6:.0f} MB of WAL held, status: {reasons[0]}; {seen}"


@case("A20", "workers whose clocks are an hour ahead and behind; rows and producers' records of 1970 and 2099",
      "order and identity do not depend on a clock", faults=1, needs=("cc",))
def wrong_clocks(bench: Bench) -> str:
    library = bench.stack.home / "run" / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, CLONE / "tests" / "faults" / "clock.c"], check=True)
    load = bench.load(rate=30)

    def start() -> None:
        for index, shift in ((1, 3600), (2, -3600)):
            bench.services.start_worker(index, {"LD_PRELOAD": str(library), "CLOCK_SHIFT_S": str(shift)})

    bench.inject("two workers with wrong clocks", start)
    bench.until("three workers share", lambda: all(bench.services.partitions(index) for index in range(3)))
    years = {1970: "1970-01-02T00:00:00Z", 2099: "2099-01-01T00:00:00Z"}
    keys = []
    producer = Producer({"bootstrap.servers": bench.settings.bootstrap, "log_level": 0})
    for number in range(100):
        year = 1970 if number % 2 else 2099
        path, key = f"../clock/{number}", f"clock-{bench.seed}-{time.time_ns()}"
        bench.expect(path, None, "path_not_allowed")
        record = f'{{"ingest_key": "{key}", "image_path": "{path}", "timestamp": "{years[year]}"}}'
        producer.produce(INGEST_TOPIC, record.encode(), key.encode(),
                         timestamp=int(datetime.fromisoformat(years[year]).timestamp() * 1000))
        keys.append(key)
    assert producer.flush(60) == 0
    bench.until("the producers' rows", lambda: bench.count_keys(keys) == len(keys))
    load.update(100)
    load.delete(20)
    bench.settle()
    answered = {1: bench.services.health(1)["counts"], 2: bench.services.health(2)["counts"]}
    assert all(sum(counts.values()) > 0 for counts in answered.values()), answered
    for index in (1, 2):
        assert bench.services.stop_worker(index) == 0
    bench.until("one worker has all", lambda: bench.services.partitions(0) == PARTITIONS)
    return (f"workers an hour ahead and behind answered {sum(answered[1].values())} and {sum(answered[2].values())} "
            f"records; {bench.verdict()}")


@case("A21", "the worker's memory is limited, and images come that need more than it has",
      "no image is blamed for it: the worker ends, starts again, and answers right", faults=1)
def no_memory(bench: Bench) -> str:
    large = [bench.put(f"large/{bench.seed}-{number}.png", huge_png(6400 + number, 6400)) for number in range(4)]
    bench.load()
    process = psutil.Process(bench.services.process("worker-0").pid)
    before = bench.services.restarts("worker-0")

    def limit() -> None:
        process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + 30_000_000,) * 2)
        for picture in large:
            bench.expect(*picture, bench.good(picture))
        bench.write([(path, sha256) for path, sha256 in large])

    bench.inject("worker-0 limited to 30 MB more", limit)
    bench.until("the worker was started anew", lambda: bench.services.restarts("worker-0") > before, 120)
    bench.hurt_at = time.monotonic()
    seen = bench.verdict(whole_within=60)
    return f"worker-0 was started anew {bench.services.restarts('worker-0') - before} times; {seen}"


@case("A22", "kill -9 of every part at once; then of the supervisor too, and `cargostream up`",
      "no step by hand, whole within 60 s", faults=2)
def all_killed(bench: Bench) -> str:
    parts = [name for name, part in bench.stack.status()["parts"].items() if part["kind"] == "service"]
    bench.rng.shuffle(parts)
    bench.load()
    bench.inject("kill -9 of everything", lambda: bench.services.kill(*parts))
    bench.whole(60)

    killed_at = 0.0

    def supervisor_too() -> None:
        nonlocal killed_at
        bench.services.kill_supervisor(*parts)
        killed_at = time.monotonic()
        bench.stack.run("up")

    bench.load()
    bench.inject("kill -9 of everything and the supervisor", supervisor_too)
    bench.hurt_at = killed_at
    return bench.verdict(whole_within=60)


@case("A22b", "kill -9 of target Postgres, MLflow, monitor and verification, one after another under load",
      "whole again within 30 s each", faults=4)
def others_killed(bench: Bench) -> str:
    for part in ("target", "mlflow", "monitor", "verify"):
        bench.load(max(300, bench.rows // 2))
        bench.inject(f"kill -9 {part}", lambda part=part: bench.services.kill(part))  # type: ignore[misc]
        bench.whole(30)
        bench.settle()
    return bench.verdict()


@case("A23", "six kills of parts by chance, one right after another", "nothing lost, none doubled", faults=6)
def kills_back_to_back(bench: Bench) -> str:
    bench.load()
    for number in range(6):
        part = str(bench.rng.choice(EVERYTHING))
        bench.inject(f"kill -9 {part}", lambda part=part: bench.services.kill(part), at_once=number > 0)
    parts = ", ".join(fault.name.removeprefix("kill -9 ") for fault in bench.faults)
    return f"{parts}, of which only the first found as many in flight as was counted; {bench.verdict(whole_within=60)}"

