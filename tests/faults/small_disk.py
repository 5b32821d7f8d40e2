"""A small file system in a folder's place: it can be full without the machine's own being so. Root only."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """The folder, with what is in it, is on a file system of its own as long as this lasts; then it is empty."""
    before = folder.with_name(f"{folder.name}.before")
    folder.mkdir(parents=True, exist_ok=True)
    folder.rename(before)
    status = before.stat()
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode={status.st_mode & 0o777:o},uid={status.st_uid}",
         "small-disk", str(folder))
    try:
        _run("cp", "-a", f"{before}/.", str(folder))
        shutil.rmtree(before)
        yield
    finally:
        deadline = time.monotonic() + 30
        while subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, f"{folder} is still in use"
            time.sleep(0.2)


@contextmanager
def full(folder: Path, leave: int = 0) -> Iterator[None]:
    """The file system of a folder has `leave` bytes left for everybody but what is written already."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        with suppress(OSError):
            while True:
                file.write(b"\0" * 65536)
                file.flush()
        size = file.tell()
        with suppress(OSError):
            os.ftruncate(file.fileno(), max(0, size - leave))
    try:
        yield
    finally:
        filler.unlink(missing_ok=True)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
