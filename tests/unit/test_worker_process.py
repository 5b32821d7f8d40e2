"""How a worker process is put together from the settings."""

import asyncio
from pathlib import Path

from cargostream.settings import Settings
from stream_worker.run import Process


def test_the_processes_of_a_machine_share_its_cores(tmp_path: Path) -> None:
    async def threads(processes: int) -> int:
        return Process(Settings(home=tmp_path, kafka_port=1, worker_processes=processes), 0).pipeline.limits.threads

    alone, shared = (asyncio.run(threads(processes)) for processes in (1, 8))
    assert (alone, shared) == (Settings(worker_processes=1).effective_threads, max(1, alone // 8))
