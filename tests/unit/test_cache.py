"""The model cache forgets what nobody uses, and nothing else."""

import os
import time
from pathlib import Path

import pytest

from cargostream.cache import KEPT, SPARED_S, Cache, Pointer
from cargostream.errors import ModelRefused


def artifact(folder: Path, name: str, unused_s: float) -> Path:
    made = folder / name
    made.mkdir(parents=True)
    (made / "manifest.json").write_text("{}")
    used = time.time() - unused_s
    os.utime(made, (used, used))
    return made


def test_the_last_used_stay_and_the_champion_and_what_was_used_lately(tmp_path: Path) -> None:
    old = [artifact(tmp_path, f"{n:064x}", SPARED_S + 100 + n) for n in range(KEPT + 4)]
    champion, again, newest = old[-1], old[-2], old[0]
    cache = Cache(tmp_path)
    cache.remember(Pointer("m", 1, champion.name))
    cache.use(again.name)
    cache.prune()
    assert {path for path in old if path.exists()} == {champion, again, *old[:KEPT - 1]}
    assert newest in old[:KEPT]
    fresh = [artifact(tmp_path, f"f{n:063x}", 10) for n in range(2 * KEPT)]
    cache.prune()
    assert all(path.exists() for path in [*fresh, champion, again])
    assert not newest.exists()


def test_what_a_download_left_behind_goes_and_one_at_work_stays(tmp_path: Path) -> None:
    left, at_work = artifact(tmp_path, ".fetch-a", SPARED_S + 1), artifact(tmp_path, ".fetch-b", 1)
    Cache(tmp_path).prune()
    assert (left.exists(), at_work.exists()) == (False, True)


def test_pruning_beside_another_process_and_on_nothing_is_no_error(tmp_path: Path) -> None:
    artifact(tmp_path, "a", SPARED_S + 1)
    cache = Cache(tmp_path)
    for _ in range(2):
        cache.prune()
    cache.use("0" * 64)
    assert cache.last_champion("m") is None


@pytest.mark.parametrize("digest", [
    "../secrets", "/etc", "", ".", "a" * 63, f"{'a' * 64}/..", f"{'A' * 64}", "a" * 64 + "\n"])
def test_what_is_no_digest_leads_nowhere(tmp_path: Path, digest: str) -> None:
    """It comes from a tag of the registry, which anybody who reaches it may write."""
    (tmp_path / "secrets").mkdir()
    os.utime(tmp_path / "secrets", (1, 1))
    cache = Cache(tmp_path / "models")
    (tmp_path / "models").mkdir()
    for ask in (cache.path, cache.use):
        with pytest.raises(ModelRefused, match="is no digest"):
            ask(digest)
    cache.remember(Pointer("m", 1, digest))
    assert cache.last_champion("m") is None
    assert (tmp_path / "secrets").stat().st_mtime == 1
