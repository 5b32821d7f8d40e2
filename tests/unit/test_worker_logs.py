"""What the worker's log holds."""

import subprocess
import sys

TALK = """
import logging
from stream_worker.logs import log, set_up
set_up(as_json=False)
library = logging.getLogger("aiokafka.client")
for number in range(100):
    library.error("Unable to connect to node %s", number)
    log.info("registry", extra={"state": number})
library.error("Heartbeat failed")
"""


def test_a_library_repeats_itself_seldom_and_the_worker_says_all() -> None:
    done = subprocess.run([sys.executable, "-c", TALK], capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines()
    assert sum("Unable to connect" in line for line in lines) == 1
    assert sum("Heartbeat" in line for line in lines) == 1
    assert sum("registry state" in line for line in lines) == 100
