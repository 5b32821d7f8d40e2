"""Links that are cut, go silent or are slow; each case has a stack and a loopback of its own (`faults.network`)."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.stack import Stack
from connectors.status import is_running
from connectors.status import status as connector_status
from tests.faults import network
from tests.faults.bench import Bench
from tests.faults.case import NEEDS, case
from tests.faults.services import EVERYTHING
from tests.faults.stacks import own_stack

NEEDS["root, tc and network namespaces"] = network.possible
NETWORK = ("root, tc and network namespaces",)


@contextmanager
def networked_stack() -> Iterator[Stack]:
    with network.own_network(), own_stack() as stack:
        yield stack


@case("A14", "the broker's link cut (packets dropped, no reset) for 5 s, then for 60 s",
      "workers, Connect and producers go on by themselves", faults=2, needs=NETWORK, stack=networked_stack)
def broker_cut_off(bench: Bench) -> str:
    for seconds in (5, 60):
        def cut(seconds: int = seconds) -> None:
            with network.cut(bench.settings.kafka_port):
                time.sleep(seconds)

        bench.load()
        bench.inject(f"broker cut off for {seconds} s", cut)
        bench.whole(30)
    return bench.verdict()


@case("A15", "Connect's connections to both databases go silent for ever (packets dropped, no reset), new ones work; "
      "then both databases cut off for 60 s", "noticed within 60 s, by time-outs and keepalives", faults=2,
      needs=NETWORK, stack=networked_stack)
def databases_silent(bench: Bench) -> str:
    ports = (bench.settings.source_port, bench.settings.target_port)

    def silence() -> None:
        silent = network.connections(bench.services.process("connect").pid, *ports)
        assert len(silent) >= 4, f"Connect has only {len(silent)} connections"
        for port in silent:
            network.swallow(port)

    bench.load()
    bench.inject("Connect's connections go silent", silence)
    bench.whole(60)
    network.mend()

    def cut() -> None:
        with network.cut(*ports):
            time.sleep(60)

    bench.load()
    bench.inject("both databases cut off for 60 s", cut)
    return bench.verdict(whole_within=60)


@case("A16", "100 ms and 3 Mbit/s on the link to each service", "slower; no task fails, no part is started anew",
      faults=1, needs=NETWORK, stack=networked_stack)
def narrow_links(bench: Bench) -> str:
    settings = bench.settings
    ports = (settings.source_port, settings.target_port, settings.kafka_port, settings.connect_port,
             settings.mlflow_port)
    parts = {part: bench.services.restarts(part) for part in EVERYTHING}
    bench.load(300, burst=0).finish()
    bench.settle()
    before = _median_latency(bench, 0)
    last = max(bench.loads[0].acknowledged)
    with ExitStack() as links:
        load = bench.load(rate=200)
        bench.inject("100 ms and 3 Mbit/s everywhere", lambda: links.enter_context(network.slow(ports, 3, 0.1)))
        load.finish()
        bench.until("all rows are answered", lambda: bench.progress()[1] >= bench.progress()[0], 300)
        assert all(map(is_running, connector_status(settings))), connector_status(settings)
    assert {part: bench.services.restarts(part) for part in EVERYTHING} == parts
    bench.settle()
    during = _median_latency(bench, last)
    assert during > before + 0.5, f"rows took {during:.2f} s, and {before:.2f} s before: the links were not slow"
    return f"median from commit to answer {during:.1f} s, {before:.2f} s before; {bench.verdict()}"


def _median_latency(bench: Bench, after: int) -> float:
    """Seconds from the commit of a row to its answer, of rows of the case with a larger id."""
    return float(bench.pipeline.ask(
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) / 1000 AS s FROM cargo_result "
        "WHERE source_id >= :first AND source_id > :after", first=bench.first, after=after)[0].s)
