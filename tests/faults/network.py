"""A loopback of a test's own, in which links are cut, slowed, or swallow single connections. Linux, root and `tc`.

Nothing is on it but the stack that is started inside: what is done to it does not reach the machine's other traffic.
What is swallowed is gone without a word, as through a cable that was pulled: nobody hears a reset.
"""

import ctypes
import fcntl
import os
import select
import shutil
import struct
import subprocess
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LATE = "late"
QUEUE = "100"
"""Packets that wait where a link is slow: with more of them they are late by seconds."""
_libc = ctypes.CDLL(None, use_errno=True)
_inside = False


@contextmanager
def own_network() -> Iterator[None]:
    """The thread that is in it, and every thread and process that it starts, has a loopback of its own."""
    global _inside
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    _checked(_libc.unshare(CLONE_NEWNET))
    _inside = True
    try:
        _run("ip", "link", "set", "lo", "mtu", "1500", "up")
        _run("tc", "qdisc", "add", "dev", "lo", "root", "handle", "1:", "htb", "default", "1")
        _class(1, "100gbit")
        _hole()
        yield
    finally:
        _inside = False
        _checked(_libc.setns(before, CLONE_NEWNET))
        os.close(before)


@contextmanager
def cut(*ports: int) -> Iterator[None]:
    """Packets from and to these ports are swallowed."""
    for port in ports:
        swallow(port)
    try:
        yield
    finally:
        mend()


def swallow(port: int) -> None:
    """Packets from and to this port are swallowed from now on, until `mend`."""
    _steer(port, ("flowid", "1:2"))


def mend() -> None:
    """Let everything through again; what was swallowed stays away."""
    _run("tc", "filter", "del", "dev", "lo", "parent", "1:")
    _run("tc", "class", "del", "dev", "lo", "classid", "1:2")
    _hole()


@contextmanager
def slow(ports: Collection[int], mbit: float, delay_s: float) -> Iterator[None]:
    """Each of these ports has so many Mbit/s for what goes to it and comes from it, and each packet takes so much
    longer. Queues that hold packets back for a time are not to be had everywhere: they go through this process."""
    for name, value in (("route_localnet", "1"), ("accept_local", "1"), ("rp_filter", "0")):
        for device in ("all", "lo"):
            Path(f"/proc/sys/net/ipv4/conf/{device}/{name}").write_text(value)
    with _late(delay_s):
        _run("tc", "qdisc", "add", "dev", LATE, "root", "handle", "1:", "htb")
        _run("tc", "qdisc", "add", "dev", LATE, "clsact")
        _run("tc", "filter", "add", "dev", LATE, "ingress", "protocol", "ip", "u32", "match", "u32", "0", "0",
             "action", "mirred", "ingress", "redirect", "dev", "lo")
        _run("tc", "qdisc", "add", "dev", "lo", "clsact")
        for number, port in enumerate(ports, 10):
            _class(number, f"{mbit}mbit", "20k", LATE)
            _run("tc", "qdisc", "add", "dev", LATE, "parent", f"1:{number}", "pfifo", "limit", QUEUE)
            _steer(port, ("flowid", f"1:{number}"), ("dev", LATE, "parent", "1:"))
            _steer(port, ("action", "mirred", "egress", "redirect", "dev", LATE), ("dev", "lo", "egress"))
        try:
            yield
        finally:
            _run("tc", "qdisc", "del", "dev", "lo", "clsact")


@contextmanager
def _late(delay_s: float) -> Iterator[None]:
    """A device that gives back each packet that it is sent, so much later."""
    assert _inside, "the machine's own network is left alone"
    file, over = os.open("/dev/net/tun", os.O_RDWR), threading.Event()
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", LATE.encode(), IFF_TUN | IFF_NO_PI))
    _run("ip", "link", "set", LATE, "txqueuelen", "5000", "up")

    def carry() -> None:
        waiting: deque[tuple[float, bytes]] = deque()
        while waiting or not over.is_set():
            if select.select([file], [], [], max(0.0, waiting[0][0] - time.monotonic()) if waiting else 0.05)[0]:
                waiting.append((time.monotonic() + delay_s, os.read(file, 65536)))
            while waiting and waiting[0][0] <= time.monotonic():
                os.write(file, waiting.popleft()[1])

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        os.close(file)


def connections(pid: int, *ports: int) -> list[int]:
    """The local ports of a process's connections to any of these ports."""
    return [found.laddr.port for found in psutil.Process(pid).net_connections("tcp")
            if found.status == psutil.CONN_ESTABLISHED and found.raddr and found.raddr.port in ports]


def possible() -> bool:
    """Whether this user and this system can do it."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "tc", "unshare"))):
        return False
    tried = ("ip link set lo up && tc qdisc add dev lo root handle 1: htb && tc class add dev lo parent 1: classid "
             "1:2 htb rate 1gbit && tc filter add dev lo parent 1: protocol ip u32 match ip dport 9 0xffff flowid 1:2 "
             "&& ip tuntap add dev late mode tun && tc qdisc add dev lo clsact && tc filter add dev lo egress protocol "
             "ip u32 match ip dport 9 0xffff action mirred egress redirect dev late")
    return subprocess.run(["unshare", "-n", "sh", "-c", tried], capture_output=True, check=False).returncode == 0


def _class(number: int, rate: str, burst: str = "1m", device: str = "lo") -> None:
    _run("tc", "class", "replace", "dev", device, "parent", "1:", "classid", f"1:{number}", "htb", "rate", rate,
         "burst", burst, "cburst", burst, "quantum", "60000")


def _hole() -> None:
    """A queue that nothing comes out of. Where a packet is refused instead, its sender hears of it at once."""
    _class(2, "8bit", "1")


def _steer(port: int, where: Sequence[str], of: Sequence[str] = ("dev", "lo", "parent", "1:")) -> None:
    for end in ("sport", "dport"):
        _run("tc", "filter", "add", *of, "protocol", "ip", "prio", "1", "u32",
             "match", "ip", end, str(port), "0xffff", *where)


def _run(*command: str) -> None:
    assert _inside, "the machine's own network is left alone"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
