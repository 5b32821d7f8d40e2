"""Two workers in one group. Members that were killed stay in it for a session time-out, which holds up the test after
these: they run last.
"""

import os
import signal

from cargostream.records import PARTITIONS
from tests.support.workers import Rig


def test_a_worker_that_slept_through_a_rebalance_moves_no_offset_back(rig: Rig) -> None:
    rig.stream(0, 1500)
    sleeper = rig.start(0)
    rig.wait("some answers", lambda: len(rig.predictions()) >= 200)
    os.kill(sleeper.pid, signal.SIGSTOP)
    rig.assert_commits_are_covered()
    rig.start(1)
    rig.ready(1)
    rig.wait("the other has it all", lambda: rig.health(1).get("partitions") == list(range(PARTITIONS)))
    rig.stream(1500, 500)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 2000)
    os.kill(sleeper.pid, signal.SIGCONT)

    def back() -> bool:
        assert sum(rig.committed().values()) == 2000
        return len(rig.health(0).get("partitions") or ()) == PARTITIONS // 2

    rig.wait("the sleeper has its share again", back)
    rig.stream(2000, 200)
    rig.wait("work goes on", lambda: sum(rig.committed().values()) == 2200)
    rig.assert_all_answered(2200)


def test_two_workers_share_the_partitions_and_one_takes_all_when_the_other_dies(rig: Rig) -> None:
    first, _ = rig.start(0), rig.start(1)
    rig.wait("four each", lambda: [len(rig.health(n).get("partitions") or ()) for n in (0, 1)] == [4, 4])
    rig.stream(0, 400)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 400)
    assert all(rig.health(n)["counts"]["predicted"] > 0 for n in (0, 1))
    first.kill()
    rig.stream(400, 400)
    rig.wait("all committed", lambda: sum(rig.committed().values()) == 800)
    rig.assert_all_answered(800)
