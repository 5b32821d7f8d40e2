"""The supervisor with parts of a test's own: order, restarts, failures, stopping, and nothing orphaned."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

import compose.state
from cargostream.errors import CargostreamError
from compose.state import take_pid_file

LAUNCH = str(Path(compose.__file__).with_name("launch.py"))

PRELUDE = """
import asyncio, os, pathlib, signal, subprocess, sys, time
from compose import book, keep, logs, supervisor
from compose.parts import Repeated, Service, Step
from compose.state import take_pid_file
from compose.supervisor import Supervisor

home = pathlib.Path(sys.argv[1])
CHILD = '''
import pathlib, signal, sys, time
home, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def note(what):
    with (home / "events").open("a") as file: file.write(what + " " + name + "\\\\n")
def end(*_):
    note("stopped"); sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if name == "stubborn" else end)
note("started")
(home / name).touch()
while True: time.sleep(0.05)
'''
def service(name, needs=(), **more):
    def ready():
        return (home / name).exists()
    def prepare():
        (home / name).unlink(missing_ok=True)
    more.setdefault("argv", (sys.executable, "-c", CHILD, str(home), name))
    return Service(name, ready=ready, prepare=prepare, needs=tuple(needs), **more)
"""

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a supervisor of the parts that some lines of Python list; kills it at the end."""
    for folder in ("run", "logs"):
        (tmp_path / folder).mkdir()
    started: list[subprocess.Popen[bytes]] = []

    def start(parts: str, flowing: str = "()", before: str = "") -> subprocess.Popen[bytes]:
        code = PRELUDE + (f"\n{before}\nparts = {parts}\ntake_pid_file(home)\n"
                          f"asyncio.run(Supervisor(home, parts, {flowing}).run())\n")
        started.append(subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]))
        return started[-1]

    yield start
    for process in started:
        for child in [process] if process.poll() is None else []:
            child.kill()
        process.wait(10)


def until(condition: Callable[[], Any], what: str, deadline_s: float = 15) -> Any:
    """What `condition` answers, once it is true."""
    end = time.monotonic() + deadline_s
    while not (answer := condition()):
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.02)
    return answer


def status(home: Path) -> dict[str, Any]:
    file = home / "run" / "status.json"
    return dict(json.loads(file.read_text())) if file.exists() else {"parts": {}, "ready_s": None, "flowing_s": None}


def state(home: Path, name: str) -> str | None:
    part = status(home)["parts"].get(name)
    return part["state"] if part else None


def events(home: Path) -> list[str]:
    return (home / "events").read_text().splitlines()


def test_parts_start_in_the_order_of_their_needs_and_stop_in_reverse(start: Start, tmp_path: Path) -> None:
    process = start('[service("c", ["step"]), Step("step", lambda: (home / "did").touch(), ("b",)),'
                    ' service("b", ["a"]), service("a")]', '("b",)')
    until(lambda: status(tmp_path)["ready_s"], "all ready")
    process.terminate()

    assert process.wait(20) == 0
    assert events(tmp_path) == ["started a", "started b", "started c", "stopped c", "stopped b", "stopped a"]
    assert (tmp_path / "did").exists()
    assert {state(tmp_path, name) for name in ("a", "b", "c")} == {"stopped"}
    assert 0 < status(tmp_path)["flowing_s"] < status(tmp_path)["ready_s"]


def test_an_eager_service_does_not_wait_but_is_stopped_before_what_it_needs(start: Start, tmp_path: Path) -> None:
    process = start('[service("late", argv=("sleep", "60")), service("eager", ["late"], eager=True)]')
    until(lambda: state(tmp_path, "eager") == "ready", "the eager one is ready")
    assert state(tmp_path, "late") == "starting"
    process.terminate()
    assert process.wait(20) == 0


def test_a_service_that_dies_is_started_again_and_counted(start: Start, tmp_path: Path) -> None:
    start('[service("a")]')
    until(lambda: state(tmp_path, "a") == "ready", "a is ready")
    first = status(tmp_path)["parts"]["a"]["pid"]
    os.kill(first, signal.SIGKILL)

    again = until(lambda: (part := status(tmp_path)["parts"]["a"])["pid"] not in (first, None)
                  and part["state"] == "ready" and part, "a is ready again")
    assert again["restarts"] == 1
    assert events(tmp_path) == ["started a", "started a"]


HUNG = """
from cargostream.errors import CargostreamError
keep.ASK_EVERY = 0.1
def answers(): return not (home / "hung").exists()
def says():
    if (home / "hung").exists(): raise CargostreamError((home / "hung").read_text())
    return True
"""


def test_a_service_that_no_longer_answers_is_killed_and_started_again(start: Start, tmp_path: Path) -> None:
    start('[service("stubborn", alive=answers), service("other", alive=answers)]', before=HUNG)
    part = until(lambda: status(tmp_path)["ready_s"] and status(tmp_path)["parts"]["stubborn"], "both are ready")
    psutil.Process(part["pid"]).suspend()
    (tmp_path / "hung").touch()
    died = until(lambda: (now := status(tmp_path)["parts"]["stubborn"])["error"] and now, "it is killed")
    assert died["error"] == "stubborn did not answer for 1 s and was killed."
    (tmp_path / "hung").unlink()
    again = until(lambda: (now := status(tmp_path)["parts"]["stubborn"])["state"] == "ready" and now, "it is ready")
    assert again["restarts"] >= 1
    assert not psutil.pid_exists(part["pid"])


def test_a_refusal_now_and_then_kills_nothing(start: Start, tmp_path: Path) -> None:
    start('[service("a", alive=lambda: (home / "asked").open("a").write("x") and next(turns) % 6 == 5)]',
          before=f"{HUNG}\nimport itertools; turns = itertools.count()")
    until(lambda: (tmp_path / "asked").exists() and len((tmp_path / "asked").read_text()) > 15, "it was asked often")
    assert status(tmp_path)["parts"]["a"]["restarts"] == 0


def test_a_service_that_says_itself_that_it_is_stuck_is_killed_at_once_and_told(start: Start, tmp_path: Path) -> None:
    start('[service("a", alive=says)]', "(), lambda *words: (home / 'told').write_text('|'.join(words))",
          before=f"{HUNG}\nkeep.REFUSALS = 10**6")
    first = until(lambda: (part := status(tmp_path)["parts"].get("a")) and part["state"] == "ready" and part, "ready")
    (tmp_path / "hung").write_text("a made no progress for 30 s")
    until(lambda: (tmp_path / "told").exists(), "it is told")
    (tmp_path / "hung").unlink()
    until(lambda: (part := status(tmp_path)["parts"]["a"])["state"] == "ready" and part["pid"] != first["pid"], "again")
    assert (tmp_path / "told").read_text() == "a|a made no progress for 30 s"


def test_a_service_that_cannot_start_fails_with_its_cause(start: Start, tmp_path: Path) -> None:
    start('[service("a", argv=(sys.executable, "-c", "print(\'the cause\'); raise SystemExit(7)"))]')
    until(lambda: state(tmp_path, "a") == "failed", "a has failed")
    assert "exit status 7" in status(tmp_path)["parts"]["a"]["error"]
    assert "the cause" in (tmp_path / "logs" / "a.log").read_text()


def test_a_service_that_never_becomes_ready_is_killed_at_its_deadline(start: Start, tmp_path: Path) -> None:
    start('[service("a", argv=("sleep", "60"), deadline=1)]')
    until(lambda: state(tmp_path, "a") == "failed", "a has failed")
    part = status(tmp_path)["parts"]["a"]
    assert (part["error"], part["pid"], part["restarts"]) == ("a was not ready within 1 s.", None, 0)


def test_what_has_failed_is_tried_again_all_the_same(start: Start, tmp_path: Path) -> None:
    start('[service("a", argv=("sh", "-c", "[ -e go ] && touch a && exec sleep 60"), cwd=home),'
          ' Step("step", lambda: (home / "go").stat(), deadline=0)]', before="keep.LONGEST_PAUSE = 0.3")
    until(lambda: state(tmp_path, "a") == state(tmp_path, "step") == "failed", "both have failed")
    (tmp_path / "go").touch()
    until(lambda: status(tmp_path)["ready_s"], "both are ready")
    assert status(tmp_path)["parts"]["a"]["restarts"] >= 4
    assert status(tmp_path)["parts"]["step"]["error"] is None


def test_a_start_that_fails_in_an_unforeseen_way_is_a_failed_start(start: Start, tmp_path: Path) -> None:
    start('[Service("a", ("true",), lambda: True,'
          ' prepare=lambda: subprocess.run(["sleep", "9"], timeout=0.01, check=True))]',
          before="keep.LONGEST_PAUSE = 0.01")
    until(lambda: state(tmp_path, "a") == "failed", "a has failed")
    assert "timed out after" in status(tmp_path)["parts"]["a"]["error"]


def test_what_a_probe_refuses_is_told_at_once(start: Start, tmp_path: Path) -> None:
    start('[Service("a", ("sleep", "60"), refuse)]', before="from cargostream.errors import CargostreamError\n"
          "def refuse(): raise CargostreamError('another password')")
    part = until(lambda: state(tmp_path, "a") == "failed" and status(tmp_path)["parts"]["a"], "a has failed", 5)
    assert part["error"] == "another password"
    assert psutil.pid_exists(part["pid"])


def test_a_status_that_cannot_be_written_ends_nothing(start: Start, tmp_path: Path) -> None:
    (tmp_path / "run" / "status.json").mkdir()
    process = start('[service("a")]', before="supervisor.LOOK_EVERY = 0.1")
    first = until(lambda: (tmp_path / "a").exists() and psutil.Process(process.pid).children(), "a runs")
    first[0].kill()
    until(lambda: events(tmp_path) == ["started a", "started a"], "a was started again")
    (tmp_path / "run" / "status.json").rmdir()
    until(lambda: state(tmp_path, "a") == "ready", "the status is written at the next chance")


def test_a_log_that_cannot_be_cut_leaves_the_others(start: Start, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    (logs / "one.log.1").mkdir()
    (logs / "one.log").write_text("x" * 20)
    start('[service("a")]', before="logs.LOG_LIMIT, supervisor.LOOK_EVERY = 10, 0.1")
    until(lambda: state(tmp_path, "a") == "ready", "a is ready")
    (logs / "two.log").write_text("y" * 20)
    until(lambda: (logs / "two.log.1").exists() and (logs / "two.log").stat().st_size == 0, "the other one is cut")


def test_a_fault_of_the_supervisors_own_ends_it_loudly(start: Start, tmp_path: Path) -> None:
    process = start('[service("a"), service("b", ["nobody"])]')
    assert process.wait(20) == 1
    assert state(tmp_path, "a") == "stopped"


def test_a_step_is_tried_again_until_it_succeeds(start: Start, tmp_path: Path) -> None:
    start('[Step("flaky", lambda: (home / ("1" if not (home / "1").exists() else "2")).touch()'
          ' or (home / "2").exists() or 1 / 0)]')
    until(lambda: state(tmp_path, "flaky") == "ready", "the step is done")
    assert status(tmp_path)["parts"]["flaky"]["restarts"] == 1
    assert "ZeroDivisionError" in (tmp_path / "logs" / "flaky.log").read_text()


def test_a_step_that_goes_on_failing_fails_at_its_deadline(start: Start, tmp_path: Path) -> None:
    start('[Step("broken", lambda: 1 / 0, deadline=0.1)]')
    until(lambda: state(tmp_path, "broken") == "failed", "the step has failed")
    assert status(tmp_path)["parts"]["broken"]["error"] == "ZeroDivisionError: division by zero"


def test_a_step_that_waits_for_somebodys_hands_fails_at_once_and_is_tried_still(start: Start, tmp_path: Path) -> None:
    start('[Step("by hand", step)]', before="""
from cargostream.errors import Unmendable
keep.LONGEST_PAUSE = 0.5
def step():
    if not (home / "done").exists():
        raise Unmendable("Do it.")
""")
    until(lambda: state(tmp_path, "by hand") == "failed", "the step has failed")
    assert status(tmp_path)["parts"]["by hand"]["error"] == "Do it."
    (tmp_path / "done").touch()
    until(lambda: state(tmp_path, "by hand") == "ready", "the step is done")


def test_a_repeated_task_goes_on_after_a_failure(start: Start, tmp_path: Path) -> None:
    start('[Repeated("heal", lambda: (home / "runs").open("a").write("x") and 1 / 0, every=0.05)]')
    until(lambda: (tmp_path / "runs").exists() and len((tmp_path / "runs").read_text()) > 3, "several runs")
    assert (tmp_path / "logs" / "heal.log").read_text().count("ZeroDivisionError") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_no_child_outlives_a_killed_supervisor(start: Start, tmp_path: Path) -> None:
    process = start('[service("a"), service("stubborn"), service("int", death_signal=signal.SIGINT)]')
    until(lambda: status(tmp_path)["ready_s"], "all ready")
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == 3
    process.kill()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_stopping_waits_for_what_outlives_a_killed_supervisor(start: Start, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose.state, "PARTS_DEADLINE", 2.0)
    process = start('[service("slow", argv=("sh", "-c", "trap \'sleep 0.5; exit\' TERM; touch slow; while :; do'
                    ' sleep 0.1; done"), cwd=home, death_signal=15), service("stubborn", death_signal=15)]')
    until(lambda: status(tmp_path)["ready_s"], "all ready")
    parts = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    compose.state.stop(tmp_path)
    assert [part for part in parts if part.is_running() and part.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_supervisor_that_does_not_answer_is_killed_and_its_parts_are_gone(start: Start, tmp_path: Path,
                                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose.state, "STOP_SLACK", 1.0)
    process = start('[service("a", death_signal=15)]', before="book.longest_stop = lambda parts: -3")
    until(lambda: status(tmp_path)["ready_s"], "all ready")
    parts = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGSTOP)
    assert compose.state.stop(tmp_path) is True
    assert [part for part in parts if part.is_running() and part.status() != psutil.STATUS_ZOMBIE] == []
    assert events(tmp_path)[-1] == "stopped a"


@pytest.mark.parametrize(("started", "written"), [(-120, -60), (60, 120)])
def test_a_process_that_took_over_a_number_is_left_alone(tmp_path: Path, started: int, written: int) -> None:
    (tmp_path / "run").mkdir()
    file = tmp_path / "run" / "status.json"
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            started_at = datetime.fromtimestamp(time.time() + started, UTC).isoformat()
            file.write_text(json.dumps({"started_at": started_at, "parts": {"a": {"pid": other.pid}}}))
            os.utime(file, (time.time() + written,) * 2)
            compose.state.stop(tmp_path, hard=True)
            assert other.poll() is None
        finally:
            other.kill()


def test_a_second_signal_kills_at_once(start: Start, tmp_path: Path) -> None:
    process = start('[service("stubborn", stop_deadline=60)]')
    until(lambda: status(tmp_path)["ready_s"], "all ready")
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.terminate()
    assert process.wait(5) == 0


def test_a_service_that_does_not_stop_is_killed_at_its_deadline(start: Start, tmp_path: Path) -> None:
    process = start('[service("stubborn", stop_deadline=0.3)]')
    until(lambda: status(tmp_path)["ready_s"], "all ready")
    process.terminate()
    assert process.wait(5) == 0


def test_a_step_that_hangs_does_not_keep_the_supervisor(start: Start, tmp_path: Path) -> None:
    process = start('[Step("hang", lambda: time.sleep(60)), service("a")]')
    until(lambda: state(tmp_path, "a") == "ready", "a is ready")
    process.terminate()
    assert process.wait(10) == 0


def test_one_supervisor_a_home(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    descriptor = take_pid_file(tmp_path)
    with pytest.raises(CargostreamError, match="already running"):
        take_pid_file(tmp_path)
    os.close(descriptor)
    os.close(take_pid_file(tmp_path))


USERS = ["-", *([str(pwd.getpwnam("nobody").pw_uid)] if os.geteuid() == 0 else [])]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
@pytest.mark.parametrize("uid", USERS)
def test_a_launched_process_runs_as_the_user_and_dies_with_its_parent(uid: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", "import os, subprocess, sys, time\n"
         f"child = subprocess.Popen([sys.executable, '-I', '-S', {LAUNCH!r}, '9', {uid!r}, str(os.getpid()), '--',"
         f" {shutil.which('sleep')!r}, '60'])\nprint(child.pid, flush=True)\ntime.sleep(60)"],
        stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        child = psutil.Process(int(parent.stdout.readline()))
    until(lambda: child.name() == "sleep", "the launcher has become the command")
    assert child.uids().effective == (os.geteuid() if uid == "-" else int(uid))
    parent.kill()
    parent.wait()
    assert psutil.wait_procs([child], timeout=5)[1] == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_launcher_whose_parent_is_gone_does_not_start_the_command(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-I", "-S", LAUNCH, "9", "-", "1", "--", "/bin/touch", str(tmp_path / "x")],
                          capture_output=True, check=False, timeout=10)
    assert done.returncode == 1
    assert not (tmp_path / "x").exists()
