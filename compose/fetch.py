"""Brings the Java archives that `jars.lock` names, each checked against its digest there, and keeps them.

Layout under `<cache>/jars`: `kafka/*.jar` is the class path of broker and Connect, `plugins/*/*.jar` Connect's plugins.
A file gets its name only when it is whole and checked, so an interrupted fetch goes on where it stopped.
"""

import fcntl
import os
import ssl
import tarfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import httpx
from jgo.maven import MavenContext

from cargostream.errors import CargostreamError, Unavailable

ATTEMPTS = 3
NOT_NEEDED = ("ojdbc", "mysql", "mariadb", "mssql", "connect-api", "kafka-clients", "slf4j-api", "lz4", "snappy",
              "zstd")
"""Jars of an archive that stay out: drivers of other databases, and what Connect's own class path has."""


@dataclass(frozen=True)
class Locked:
    """One line of the lock: Maven coordinate, SHA-256, size in bytes, target folder."""

    coordinate: str
    digest: str
    size: int
    folder: str

    @property
    def url_path(self) -> str:
        group, artifact, version, *rest = self.coordinate.split(":")
        part = MavenContext().project(group, artifact).at_version(version).artifact(*rest)
        return f"{part.component.path_prefix.as_posix()}/{part.filename}"

    def place(self, root: Path) -> Path:
        """The file whose existence says that this is here; an archive leaves a list of its jars in its folder."""
        name = self.url_path.rsplit("/", 1)[1]
        return root / self.folder / (name if name.endswith(".jar") else f".{name}.unpacked")

    def jars(self, root: Path) -> list[tuple[Path, int, str]]:
        """File, size and digest of every jar that this brings; none where that is not known."""
        place = self.place(root)
        if place.suffix == ".jar":
            return [(place, self.size, self.digest)]
        lines = map(str.split, place.read_text().splitlines()) if place.exists() else ()
        return [(place.with_name(line[2]), int(line[1]), line[0]) for line in lines if len(line) == 3]


def read_lock() -> list[Locked]:
    lines = files("compose").joinpath("jars.lock").read_text(encoding="utf-8").splitlines()
    return [Locked(coordinate, digest, int(size), folder) for coordinate, digest, size, folder in map(str.split, lines)]


def missing(root: Path) -> list[Locked]:
    """What is still to be fetched, or again: looks at names, which are given after the check, and sizes."""
    def whole(file: Path, size: int) -> bool:
        return file.exists() and file.stat().st_size == size

    return [one for one in read_lock()
            if not (jars := one.jars(root)) or not all(whole(file, size) for file, size, _ in jars)]


def fetch(root: Path, mirror: str = "", advance: Callable[[int], None] = lambda size: None) -> None:
    """Fetch what is missing into `root`, eight at a time; `advance` is called with each number of bytes received.

    Raises:
        Unavailable: the repository cannot be reached or does not have a file.
        CargostreamError: a file is not the one that was locked.
    """
    base = mirror.rstrip("/") or MavenContext().remote_repos["central"]
    root.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    context = ssl.create_default_context()  # the machine's certificates, so that a company's proxy works too
    with (root / ".lock").open("w") as lock, httpx.Client(verify=context, timeout=30, follow_redirects=True) as client:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with ThreadPoolExecutor(8, "fetch") as pool:
            work = [pool.submit(_fetch_one, client, base, one, root, advance, stop) for one in missing(root)]
            try:
                for one in work:
                    one.result()
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise


def _fetch_one(client: httpx.Client, base: str, one: Locked, root: Path, advance: Callable[[int], None],
               stop: threading.Event) -> None:
    place = one.place(root)
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f"{place.name}.{os.getpid()}.part")
    try:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                digest = _download(client, f"{base}/{one.url_path}", part, advance, stop)
                break
            except httpx.HTTPError as error:
                hopeless = isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
                if attempt == ATTEMPTS or hopeless:
                    raise Unavailable(
                        f"{one.coordinate} could not be fetched from {base}: {error}. Check the network; behind a "
                        "proxy set HTTPS_PROXY, with a mirror of Maven Central set CARGOSTREAM_MAVEN_MIRROR to its "
                        "address."
                    ) from error
                stop.wait(attempt)
        if digest != one.digest:
            raise CargostreamError(
                f"{one.coordinate} from {base} has the SHA-256 {digest}, but {one.digest} is locked: it was changed or "
                "cut on the way. Try again, or from another network or mirror.")
        if place.suffix == ".jar":
            part.rename(place)
        else:
            _unpack(part, place)
    except OSError as error:
        raise CargostreamError(
            f"{one.coordinate} ({one.size / 1e6:.0f} MB) could not be written to {place.parent}: {error.strerror}. "
            "Free some space there, or set CARGOSTREAM_CACHE to another folder.") from error
    finally:
        part.unlink(missing_ok=True)


def _download(client: httpx.Client, url: str, part: Path, advance: Callable[[int], None], stop: threading.Event) -> str:
    """Write what `url` answers to `part`; returns its SHA-256."""
    digest, received = sha256(), 0
    try:
        with client.stream("GET", url) as response, part.open("wb") as file:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                if stop.is_set():
                    raise Unavailable("The fetch was stopped; start again to go on.")
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                advance(len(chunk))
    except BaseException:
        advance(-received)
        raise
    return digest.hexdigest()


def _unpack(archive: Path, stamp: Path) -> None:
    """Put the archive's wanted jars beside the stamp, flat, and then the stamp: a line "digest size name" each."""
    lines = []
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name).name
            if member.isfile() and name.endswith(".jar") and not name.startswith(NOT_NEEDED):
                source = tar.extractfile(member)
                if source is not None:
                    with source:
                        body = source.read()
                    _put(stamp.parent / name, body)
                    lines.append(f"{sha256(body).hexdigest()} {len(body)} {name}\n")
    _put(stamp, "".join(lines).encode())


def _put(file: Path, body: bytes) -> None:
    """A stack that runs on the old file keeps it."""
    temporary = file.with_name(f"{file.name}.new")
    temporary.write_bytes(body)
    temporary.rename(file)


def damaged(root: Path) -> list[str]:
    """Coordinates of jars that are here but no longer have their digest; reads everything (half a second)."""
    return [one.coordinate for one in read_lock() if one.place(root).exists()
            and any(not file.exists() or sha256(file.read_bytes()).hexdigest() != digest
                    for file, _, digest in one.jars(root))]
