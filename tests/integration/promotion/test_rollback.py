"""The way back, and who challenges."""

import json
import shutil

import pytest

from cargostream.errors import CargostreamError, ModelRefused
from cargostream.records import CHALLENGER, CHAMPION
from model_registry.mlflow_write import set_tags
from model_registry.promote import call_off, challenge, roll_back


def test_back_and_forth(arena):
    old, new = arena.enter(), arena.enter(any_light=True)
    arena.promote(new)
    assert roll_back(arena.settings) == (new, old)
    assert arena.version(old).aliases == (CHAMPION,)
    assert arena.version(new).tags["rolled_back_to"] == str(old)
    with pytest.raises(CargostreamError, match=f"version {old} was not promoted over another"):
        roll_back(arena.settings)
    arena.promote(new)
    assert arena.champion == new
    assert "rolled_back_to" not in arena.version(new).tags
    assert roll_back(arena.settings) == (new, old)


def test_there_must_be_something_to_go_back_from_and_to(arena):
    with pytest.raises(CargostreamError, match="No version of"):
        roll_back(arena.settings)
    old, new = arena.enter(), arena.enter(any_light=True)
    arena.promote(new)
    arena.registry.delete(arena.name, old)
    with pytest.raises(CargostreamError, match=f"has no version or alias {old}"):
        roll_back(arena.settings)
    assert arena.champion == new


def test_what_must_not_serve_is_not_gone_back_to(arena):
    old, new = arena.enter(), arena.enter(any_light=True)
    arena.promote(new)
    [model] = [path for path in (arena.registry.folder / "artifacts").rglob("model.onnx")
               if path.read_bytes() == (arena.folder / "artifact-1" / "model.onnx").read_bytes()
               and run_of(arena, old) in path.parts]
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(ModelRefused, match=f"version {old} must not serve. The model is damaged"):
        roll_back(arena.settings)
    assert arena.champion == new
    shutil.copy(arena.folder / "artifact-1" / "model.onnx", model)
    assert roll_back(arena.settings) == (new, old)


def run_of(arena, version: int) -> str:
    return arena.version(version).run_id


def test_a_challenger_is_named_and_called_off(arena):
    old, new = arena.enter(), arena.enter(any_light=True)
    assert challenge(arena.settings, str(new)) == new
    assert arena.version(new).aliases == (CHALLENGER,)
    assert arena.version(old).aliases == (CHAMPION,)
    with pytest.raises(CargostreamError, match="cannot challenge itself"):
        challenge(arena.settings, str(old))
    assert call_off(arena.settings) == new
    assert arena.version(new).aliases == ()
    assert call_off(arena.settings) is None


def test_the_commands(arena):
    old, new = arena.enter(), arena.enter(any_light=True)
    assert arena.command("challenge", str(new)).stdout == f"{arena.name} version {new} is challenger.\n"
    assert json.loads(arena.command("challenge", "--none", "--json").stdout) == {"challenger": None}
    assert arena.command("challenge", "--none").stdout == f"{arena.name} had no challenger.\n"
    assert arena.command("challenge").returncode == 2
    arena.promote(new)
    done = arena.command("rollback", "--json")
    assert json.loads(done.stdout) == {"from": new, "to": old}
    refused = arena.command("rollback")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    shown = arena.command("show", str(new)).stdout
    assert "promoted over version" in shown
    assert "rolled back at" in shown
    assert arena.version(new).tags["digest"] in shown
    as_json = json.loads(arena.command("show", "champion", "--json").stdout)
    assert (as_json["version"], as_json["aliases"]) == (old, [CHAMPION])
    assert "lost_to" not in as_json["tags"]


def test_only_what_holds_is_told(arena):
    old, new = arena.enter(), arena.enter(any_light=True)
    uri = arena.settings.tracking_uri
    set_tags(uri, arena.name, new, {"promoted_over": str(old), "promoted_at": "then"})  # and killed before the alias
    assert "promoted" not in arena.command("show", str(new)).stdout
    arena.promote(new)
    assert arena.version(old).tags["lost_to"] == str(new)
    for version, words in ((old, f"lost to version          {new}"), (new, f"promoted over version    {old}")):
        assert " ".join(words.split()) in " ".join(arena.command("show", str(version)).stdout.split())
    roll_back(arena.settings)
    assert "lost_to" not in arena.version(old).tags
    set_tags(uri, arena.name, old, {"lost_to": str(new)})  # an older release left it there
    by_version = {each["version"]: each["tags"] for each in json.loads(arena.command("list", "--json").stdout)}
    assert "lost_to" not in by_version[old]
    assert by_version[new]["rolled_back_to"] == str(old)
