"""A1-A13, A20-A23: processes that are killed, stopped, or held up."""

from tests.faults.bench import Bench
from tests.faults.case import case


@case("A1", "kill -9 of the worker mid-batch", "it goes on from the committed offset: nothing lost, none doubled",
      faults=1, quick=True)
def killed_worker(bench: Bench) -> str:
    bench.load()
    bench.inject("kill -9 worker-0", lambda: bench.services.kill("worker-0"))
    return bench.verdict(whole_within=30)
