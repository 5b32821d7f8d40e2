"""What the image store reads, and what it must not touch."""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cargostream.errors import RejectCode, Rejection, Unavailable
from cargostream.images import MARKER, FolderStore, MemoryStore, make_store, split_path

LIMIT = 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_store(tmp_path / "store")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "store/brick").mkdir()
    (tmp_path / "store/brick/a.jpg").write_bytes(b"image")
    return tmp_path / "store"


@pytest.mark.parametrize("path", [
    "../secret.jpg", "brick/../../secret.jpg", "/etc/passwd", "brick//a.jpg", "./a.jpg", "", " ", "a.jpg ", "a.", ".a",
    MARKER, "..\\secret.jpg", "%2e%2e/secret.jpg", "s3://bucket/a.jpg", "http://169.254.169.254/", "file:///etc/passwd",
    "\\\\host\\share", "a\0.jpg", "a\n.jpg", "a\u202egpj.exe", "e\u0301.jpg", "\ud800.jpg", "'); DROP TABLE cargo;--",
    "${file:/secrets/x}", "{{7*7}}", "%s", "$(id)", "brick/", "x" * 300, "a/" * 300 + "a",
])
def test_a_path_that_is_not_plain_is_refused_unopened(root: Path, path: str) -> None:
    with pytest.raises(Rejection) as caught:
        FolderStore(root / "not there", LIMIT).read(path)
    assert caught.value.code == RejectCode.PATH_NOT_ALLOWED


@pytest.mark.parametrize("path", ["a", "brick/a.jpg", "day 1/brick (2)/é_3+4=7@x,y.JPG", "löß/Ω-9.png", "a..b"])
def test_plain_paths_are_allowed(path: str) -> None:
    assert "/".join(split_path(path)) == path


def test_an_image_is_read(root: Path) -> None:
    assert FolderStore(root, LIMIT).read("brick/a.jpg") == b"image"


def link_out(root: Path) -> None:
    (root / "x").symlink_to(root.parent / "secret.jpg")


def link_on_the_way(root: Path) -> None:
    (root / "out").symlink_to(root.parent)


def sparse(root: Path) -> None:
    with (root / "x").open("wb") as file:
        file.truncate(10_000_000_000)


def unix_socket(root: Path) -> None:
    place = os.open(root, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{place}/x")
    os.close(place)


FILES: dict[str, tuple[Callable[[Path], object], str, RejectCode]] = {
    "missing": (lambda root: None, "x", RejectCode.FILE_NOT_FOUND),
    "missing folder": (lambda root: None, "no/x", RejectCode.FILE_NOT_FOUND),
    "below a file": (lambda root: None, "brick/a.jpg/x", RejectCode.FILE_NOT_FOUND),
    "folder": (lambda root: (root / "x").mkdir(), "x", RejectCode.NOT_A_FILE),
    "fifo": (lambda root: os.mkfifo(root / "x"), "x", RejectCode.NOT_A_FILE),
    "socket": (unix_socket, "x", RejectCode.NOT_A_FILE),
    "empty": (lambda root: (root / "x").touch(), "x", RejectCode.EMPTY_FILE),
    "large": (lambda root: (root / "x").write_bytes(bytes(LIMIT + 1)), "x", RejectCode.FILE_TOO_LARGE),
    "sparse 10 GB": (sparse, "x", RejectCode.FILE_TOO_LARGE),
    "link out of the store": (link_out, "x", RejectCode.PATH_NOT_ALLOWED),
    "link on the way": (link_on_the_way, "out/secret.jpg", RejectCode.PATH_NOT_ALLOWED),
    "link to itself": (lambda root: (root / "x").symlink_to(root / "x"), "x", RejectCode.NOT_A_FILE),
    "dangling link": (lambda root: (root / "x").symlink_to(root / "y"), "x", RejectCode.NOT_A_FILE),
}


@pytest.mark.parametrize("case", FILES)
@pytest.mark.timeout(10)
def test_what_is_not_a_readable_image_file_is_an_answer(root: Path, case: str) -> None:
    prepare, path, code = FILES[case]
    prepare(root)
    with pytest.raises(Rejection) as caught:
        FolderStore(root, LIMIT).read(path)
    assert caught.value.code == code


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_closed_file_is_not_readable(root: Path) -> None:
    (root / "brick/a.jpg").chmod(0)
    with pytest.raises(Rejection) as caught:
        FolderStore(root, LIMIT).read("brick/a.jpg")
    assert caught.value.code == RejectCode.NOT_READABLE


def test_without_the_marker_a_missing_file_is_no_answer(root: Path) -> None:
    (root / MARKER).unlink()
    assert FolderStore(root, LIMIT).read("brick/a.jpg") == b"image"
    with pytest.raises(Unavailable, match="mounted"):
        FolderStore(root, LIMIT).read("x")
    with pytest.raises(Unavailable):
        FolderStore(root.parent / "no store", LIMIT).read("x")


def test_reading_leaves_no_file_open(root: Path) -> None:
    store = FolderStore(root, LIMIT)
    before = len(os.listdir("/proc/self/fd"))
    for path in ("brick/a.jpg", "x", "brick", "brick/a.jpg/x"):
        for _ in range(50):
            try:
                store.read(path)
            except Rejection:
                continue
    assert len(os.listdir("/proc/self/fd")) <= before + threading.active_count()


def test_the_memory_store_judges_paths_alike() -> None:
    store = MemoryStore({"a.jpg": b"image"})
    assert store.read("a.jpg") == b"image"
    for path, code in (("b.jpg", RejectCode.FILE_NOT_FOUND), ("../a.jpg", RejectCode.PATH_NOT_ALLOWED)):
        with pytest.raises(Rejection) as caught:
            store.read(path)
        assert caught.value.code == code
