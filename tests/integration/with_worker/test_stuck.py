"""`/livez` of a real worker: a worker that is stuck says so, one that waits for others does not."""

import time
from pathlib import Path

import httpx

from stream_worker.liveness import LOOKS
from tests.support.workers import Rig

QUICK = "import stream_worker.liveness as liveness; liveness.LOOK_S = 0.3\n"
DEAF = QUICK + """
import asyncio, os
from stream_worker.app import Intake
really_take = Intake._take
async def take(self, message):
    while os.path.exists(DEAF):
        await asyncio.sleep(0.1)
    await really_take(self, message)
Intake._take = take
"""


def live(rig: Rig) -> int | None:
    try:
        return httpx.get(f"http://127.0.0.1:{rig.port}/livez", timeout=5, trust_env=False).status_code
    except httpx.HTTPError:
        return None


def python_starts_with(rig: Rig, folder: Path, code: str) -> None:
    (folder / "sitecustomize.py").write_text(code)
    rig.variables["PYTHONPATH"] = str(folder)


def test_a_worker_that_takes_no_records_is_stuck_until_it_goes_on_or_the_broker_is_away(
        rig: Rig, tmp_path: Path) -> None:
    deaf = tmp_path / "deaf"
    deaf.touch()
    python_starts_with(rig, tmp_path, DEAF.replace("DEAF", repr(str(deaf))))
    rig.start()
    rig.ready()
    assert live(rig) == 200
    rig.stream(0, 20)
    rig.wait("it says that it is stuck", lambda: live(rig) == 503)
    rig.broker.kill()
    rig.wait("without a broker nobody can blame it", lambda: live(rig) == 200)
    rig.broker.start()
    deaf.unlink()
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 20, timeout_s=120)
    assert live(rig) == 200


def test_a_worker_whose_store_is_away_or_that_has_no_work_waits_and_lives(rig: Rig, tmp_path: Path) -> None:
    python_starts_with(rig, tmp_path, QUICK)
    rig.start()
    rig.ready()
    rig.stream(0, 10)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 10)
    rig.images.rename(tmp_path / "unmounted")
    rig.row(10, "brick/1.png")
    rig.wait("the row waits for the store", lambda: rig.health().get("waiting"))
    end = time.monotonic() + 2 * 0.3 * LOOKS
    while time.monotonic() < end:
        assert live(rig) == 200
        time.sleep(0.1)
    (tmp_path / "unmounted").rename(rig.images)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 11)
    assert "stuck" not in rig.log()
