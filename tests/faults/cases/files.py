"""B7, B15 to B19: what may stand in the image store that is no file, no more, not yet, or not for long."""

import os
import shutil
import stat
import time
from pathlib import Path

import psutil

from tests.faults.bench import Bench
from tests.faults.case import NEEDS, case
from tests.faults.images import Picture
from tests.faults.inputs import (
    Written,
    answered,
    fresh_pictures,
    paused_worker,
    same_worker,
    traced,
    write_among_good,
)
from tests.faults.rigs import own_rig

GAVE_UP = "reason='an image took too long'"
NEEDS["setpriv"] = lambda: shutil.which("setpriv") is not None


@case("B7", "a sparse file of 10 GB", "`file_too_large` from its size, not read", needs=("strace",))
def large(bench: Bench) -> str:
    picture = bench.put("B7/large.png", b"")
    path = bench.settings.image_store / picture.path
    try:
        with path.open("wb") as file:
            file.truncate(10_000_000_000)
        bench.expect(picture.path, None, "file_too_large")
        with same_worker(bench) as pid, traced(pid, "-P", str(path), "-e", "trace=read,pread64,mmap,fstat,newfstatat"
                                               ) as trace:
            mixed = write_among_good(bench, [(picture.path, None)] * 5)
            answered(bench, [*mixed.bad, *mixed.good])
        assert trace.calls("fstat", "newfstatat"), "the trace saw nothing of the file"
        read = trace.calls("read", "pread64", "mmap")
        assert not read, f"the file was read: {read[:3]}"
        return f"5 rows refused, no read of the file seen by strace; {bench.verdict(minimum=5)}"
    finally:
        path.unlink(missing_ok=True)


@case("B15", "images that come 0.7 s after their row, images that never come, images that come after the answer",
      "predicted; `file_not_found` after 2 s of patience; replaced by the prediction once `verify --repair` saw it")
def late(bench: Bench) -> str:
    soon, never, after = (_not_yet_there(bench, name, 10) for name in ("soon", "never", "after"))
    for picture, _ in soon:
        bench.expect(picture.path, None, bench.good(picture))
    for picture, _ in (*never, *after):
        bench.expect(picture.path, None, "file_not_found")
    with same_worker(bench):
        mixed = write_among_good(bench, [(picture.path, None) for picture, _ in (*soon, *never, *after)])
        time.sleep(0.7)
        for picture, content in soon:
            bench.put(picture.path.removeprefix("faults/"), content)
        answers = answered(bench, mixed.bad)
        assert [answer.error_code for answer in answers] == [None] * 10 + ["file_not_found"] * 20
        waited = [(answer.predicted_at - answer.received_at).total_seconds() for answer in answers[10:]]
        assert min(waited) >= bench.settings.image_patience_s
        for picture, content in after:
            bench.put(picture.path.removeprefix("faults/"), content)
            bench.expect(picture.path, None, bench.good(picture))
        began = time.monotonic()
        bench.stack.run("verify", "--repair")
        bench.pipeline.wait("the predictions of images that came after the answer", lambda: {
            row.status for row in bench.pipeline.answers(mixed.bad[20:]).values()} == {"predicted"}, 180)
    repaired = time.monotonic() - began
    return (f"10 late images predicted, 20 missing ones refused after {min(waited):.1f} to {max(waited):.1f} s, 10 of "
            f"these predicted {repaired:.0f} s after `verify --repair` began; {bench.verdict(minimum=len(mixed.bad))}")


@case("B16", "a folder, a dangling link, a link to itself, a file that may not be read",
      "`not_a_file`, `not_readable`", needs=("setpriv",))
def not_files(bench: Bench) -> str:
    folder = _fresh(bench, "B16")
    (folder / "folder.png").mkdir()
    (folder / "dangling.png").symlink_to(folder / "nothing.png")
    (folder / "itself.png").symlink_to(folder / "itself.png")
    (folder / "pipe").symlink_to("/proc/self/fd/0")
    codes = {"folder.png": "not_a_file", "dangling.png": "not_a_file", "itself.png": "not_a_file",
             "pipe": "path_not_allowed", "folder.png/x.png": "file_not_found"}
    return f"{_refuse_paths(bench, 'B16', codes)}; {_unreadable(bench)}"


@case("B17", "a FIFO, a socket, /dev/zero and a disk made by mknod, links to /dev/zero and /proc/self/mem",
      "`not_a_file` or `path_not_allowed`, at once", needs=("root",))
def devices(bench: Bench) -> str:
    folder = _fresh(bench, "B17")
    os.mkfifo(folder / "fifo.png")
    os.mknod(folder / "zero.png", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    os.mknod(folder / "disk.png", stat.S_IFBLK | 0o666, os.makedev(7, 0))
    os.mknod(folder / "socket.png", stat.S_IFSOCK | 0o666)
    (folder / "mem.png").symlink_to("/proc/self/mem")
    (folder / "zero-link.png").symlink_to("/dev/zero")
    codes = dict.fromkeys(("fifo.png", "zero.png", "disk.png", "socket.png"), "not_a_file") | dict.fromkeys(
        ("mem.png", "zero-link.png"), "path_not_allowed")
    try:
        return _refuse_paths(bench, "B17", codes)
    finally:
        shutil.rmtree(folder)


@case("B18", "files that change between the row's insert and the read", "`checksum_mismatch`")
def changed(bench: Bench) -> str:
    store = bench.settings.image_store
    rows: list[Written] = []
    others = fresh_pictures(bench, 20)
    pictures = [bench.put(f"B18/{n}.jpg", (store / picture.path).read_bytes())
                for n, picture in enumerate(fresh_pictures(bench, len(others)))]
    for picture in pictures:
        bench.expect(*picture, "checksum_mismatch")
        rows.append((picture.path, picture.sha256))
    with same_worker(bench):
        with paused_worker(bench):
            mixed = write_among_good(bench, rows)
            for picture, other in zip(pictures, others, strict=True):
                shutil.copyfile(store / other.path, store / picture.path)
        answers = answered(bench, mixed.bad)
    assert {answer.error_code for answer in answers} == {"checksum_mismatch"}
    return f"{len(rows)} files exchanged behind the row's back, all refused; {bench.verdict(minimum=len(rows))}"


@case("B19", "a store that stalls: strace holds the read of one file until the worker gives up",
      "the process gives up after `image_timeout_s` and is started again, the row is predicted; others go on meanwhile",
      needs=("strace",))
def stalled(bench: Bench) -> str:
    (picture,) = fresh_pictures(bench, 1)
    bench.expect(picture.path, None, bench.good(picture))
    log = bench.settings.home / "logs" / "worker-0.log"
    before = log.read_text().count(GAVE_UP)
    pid, restarts = bench.services.process("worker-0").pid, bench.services.restarts("worker-0")
    with traced(pid, "-P", str(bench.settings.image_store / picture.path), "-e", "trace=read",
                "-e", "inject=read:delay_enter=60000000"):
        began = time.monotonic()
        mixed = write_among_good(bench, [(picture.path, None)], good=60)
        answered(bench, mixed.good, timeout_s=bench.settings.image_timeout_s - 2)
        others = time.monotonic() - began
        assert not bench.pipeline.answers(mixed.bad), "the file was read without delay"
        assert psutil.pid_exists(pid), "the process ended before the others were answered"
        bench.pipeline.wait("the process gives up", lambda: log.read_text().count(GAVE_UP) > before, 60)
        ended = time.monotonic() - began
    (answer,) = answered(bench, mixed.bad, timeout_s=180)
    took = time.monotonic() - began
    assert answer.status == "predicted", f"answered {answer.error_code}"
    assert bench.services.restarts("worker-0") == restarts + 1
    return (f"{len(mixed.good)} other rows answered in {others:.1f} s during the stall, the process gave up after "
            f"{ended:.0f} s, the row was predicted after {took:.0f} s; {bench.verdict(minimum=61)}")


def _not_yet_there(bench: Bench, name: str, count: int) -> list[tuple[Picture, bytes]]:
    """Images that are known, and not in the store."""
    found = []
    for number, picture in enumerate(fresh_pictures(bench, count)):
        content = (bench.settings.image_store / picture.path).read_bytes()
        there = bench.put(f"B15/{name}-{number}.jpg", content)
        (bench.settings.image_store / there.path).unlink()
        found.append((there, content))
    return found


def _fresh(bench: Bench, name: str) -> Path:
    folder = bench.settings.image_store / "faults" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _refuse_paths(bench: Bench, folder: str, codes: dict[str, str]) -> str:
    """What is no file is refused with its code, and does not hold the worker up."""
    rows: list[Written] = []
    for name, code in codes.items():
        bench.expect(f"faults/{folder}/{name}", None, code)
        rows.append((f"faults/{folder}/{name}", None))
    with same_worker(bench):
        answers = answered(bench, write_among_good(bench, rows).bad)
    waited = max((answer.predicted_at - answer.received_at).total_seconds() for answer in answers
                 if answer.error_code != "file_not_found")
    assert waited < 5, f"an answer took {waited:.1f} s"
    return f"{len(rows)} paths refused, the slowest in {waited:.2f} s; {bench.verdict(minimum=len(rows))}"


def _unreadable(bench: Bench) -> str:
    """A file that the worker may not read: of root, a worker is asked that has no more rights than others."""
    with own_rig() as rig:
        if os.geteuid() == 0:
            rig.wrap = (str(shutil.which("setpriv")), "--bounding-set", "-dac_override,-dac_read_search")
        rig.draw("closed.png", 1)
        (rig.images / "closed.png").chmod(0)
        rig.stream(0, 20)
        rig.row(20, "closed.png")
        rig.stream(21, 20)
        rig.start()
        rig.wait("all committed", lambda: sum(rig.committed().values()) == 41)
        answers = {one.source_id: one.error_code for one in rig.predictions()}
        assert answers == dict.fromkeys(range(41)) | {20: "not_readable"}
    return "chmod 000: not_readable, the 40 rows around it predicted"
