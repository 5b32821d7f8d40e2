"""Everything that is fetched is named with its digest; no lock names a place to fetch it from."""

import re
from pathlib import Path

import pytest

from compose.fetch import read_lock

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def requirements(lock: Path) -> list[str]:
    """Its requirements, each with what belongs to it on one line, without comments."""
    joined = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [re.sub(r"(^|\s)#.*", "", line) for line in joined.splitlines()]
    return [" ".join(line.split()) for line in lines if line.strip()]


def test_there_are_locks():
    assert {lock.name for lock in LOCKS} >= {"run.txt", "dev.txt", "uv.txt"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_by_digest(lock: Path) -> None:
    found = requirements(lock)
    assert found
    for line in found:
        assert re.fullmatch(r"[\w.-]+==[\w.+!]+( ; [^-]*?)?( --hash=sha256:[0-9a-f]{64})+", line), line


@pytest.mark.parametrize("lock", [*LOCKS, ROOT / "compose" / "jars.lock"], ids=lambda lock: lock.name)
def test_no_lock_names_an_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host|\s-i\s", text)


def test_every_jar_has_a_digest_and_a_size():
    found = read_lock()
    assert len({one.coordinate + one.folder for one in found}) == len(found) > 50
    for one in found:
        assert re.fullmatch(r"[0-9a-f]{64}", one.digest), one.coordinate
        assert re.fullmatch(r"[\w.-]+:[\w.-]+:[\w.-]+(:[\w.-]+)*", one.coordinate)
        assert "SNAPSHOT" not in one.coordinate
        assert one.size > 0
        assert not Path(one.folder).is_absolute()
        assert ".." not in one.folder


def test_what_builds_the_package_is_pinned():
    build = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project]")[0]
    assert all("==" in name for name in re.findall(r'"([^"]+)"', build.split("requires")[1].split("]")[0]))


def test_images_of_containers_are_named_by_digest():
    """There are none yet; whoever adds a compose file or a Dockerfile finds this."""
    files = [file for pattern in ("**/*compose*.y*ml", "**/Dockerfile*", "**/*.k8s.y*ml")
             for file in (ROOT / "compose").glob(pattern)]
    for file in files:
        for image in re.findall(r"(?:image:|FROM)\s+(\S+)", file.read_text(encoding="utf-8")):
            assert "@sha256:" in image, f"{file.name}: {image}"
