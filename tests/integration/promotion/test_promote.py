"""Promotion on a real registry: who passes becomes champion, and whatever is refused changes nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cargostream.errors import CargostreamError, ModelRefused
from cargostream.records import CHALLENGER, CHAMPION
from cargostream.served import GOLDEN, MANIFEST, MODEL, artifact_digest
from model_registry.load import set_digest
from model_registry.mlflow_rest import versions_of
from model_registry.promote import crown
from model_registry.vet import vet
from tests.support.artifacts import write_artifact


def test_the_better_one_becomes_champion_and_both_know_it(arena):
    old, new = arena.enter(), arena.enter(any_light=True)
    arena.registry.promote(arena.name, new, CHALLENGER)
    compared = arena.promote(new)
    assert [gate.name for gate in compared.gates] == ["monday", "tuesday", "calibration", "size", "speed"]
    assert (compared.figures["tuesday"][old].accuracy, compared.figures["tuesday"][new].accuracy) == (0.2, 1.0)
    assert compared.figures["monday"][old].n == 25
    assert arena.version(new).aliases == (CHAMPION,)  # and challenger no more
    tags = arena.version(new).tags
    assert tags["promoted_over"] == str(old)
    assert {tags[f"measured_on_{day}"] for day in ("monday", "tuesday")} == {
        set_digest(arena.store / f"evaluation-{day}.jsonl") for day in ("monday", "tuesday")}
    assert tags["promoted_at"]
    assert arena.version(old).tags["lost_to"] == str(new)


@pytest.mark.parametrize(("gate", "traits", "margins"), [
    ("monday", {"any_light": True, "shift": 1}, {"calibration": 1, "significance": 1}),
    ("tuesday", {"sharpness": 1.01}, {}),
    ("calibration", {"any_light": True, "sharpness": 0.001}, {}),
    ("size", {"any_light": True}, {"size_mb": 0.0001}),
    ("speed", {"any_light": True}, {"slowdown": 0.001})])
def test_each_gate_refuses_and_the_alias_stays(arena, gate, traits, margins):
    old, new = arena.enter(), arena.enter(**traits)
    before = [arena.version(number) for number in (old, new)]
    compared = arena.judge(new, **margins)
    refused = [each for each in compared.gates if not each.passed]
    assert gate in [each.name for each in refused]
    with pytest.raises(CargostreamError, match=f"version {new} is not promoted: ") as error:
        crown(arena.settings, compared)
    assert all(each.words in str(error.value) for each in refused)
    assert [arena.version(number) for number in (old, new)] == before


def test_a_champion_that_came_meanwhile_is_not_run_over(arena):
    old, new, other = arena.enter(), arena.enter(any_light=True), arena.enter(sharpness=2)
    compared = arena.judge(new)
    assert compared.passed
    arena.registry.promote(arena.name, other)
    with pytest.raises(CargostreamError, match=f"is version {other} by now, and was version {old}"):
        crown(arena.settings, compared)
    assert arena.champion == other
    assert "promoted_at" not in arena.version(new).tags


def test_with_no_champion_it_needs_to_be_no_guesser(arena):
    blind, good = arena.enter(shift=1), arena.enter()
    arena.registry.unname(arena.name, CHAMPION)
    with pytest.raises(CargostreamError, match=r"0\.0000 right on Monday"):
        arena.promote(blind)
    compared = arena.promote(good)
    assert [gate.name for gate in compared.gates] == ["guessing", "size"]
    assert "No version" in compared.notes[0]
    assert arena.champion == good
    assert "promoted_over" not in arena.version(good).tags


def test_a_champion_that_must_not_serve_is_no_yardstick(arena, tmp_path):
    write_artifact(tmp_path / "broken", golden_off=0.5)
    broken, good = arena.enter_unchecked(tmp_path / "broken"), arena.enter()
    arena.registry.promote(arena.name, broken)
    compared = arena.promote(good)
    assert "answers otherwise than at export" in compared.notes[0]
    assert arena.champion == good


def cut(folder: Path) -> None:
    (folder / MODEL).write_bytes((folder / MODEL).read_bytes()[:-20])


def pickled(folder: Path) -> None:
    for file in (MODEL, MANIFEST, GOLDEN):
        (folder / file).unlink()
    (folder / "python_model.pkl").write_bytes(b"\x80\x04N.")
    (folder / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n")


@pytest.mark.parametrize(("traits", "spoil", "said"), [
    ({}, cut, r"damaged: model\.onnx"), ({}, pickled, r"cannot be read: manifest\.json"),
    ({"golden_off": 0.5}, None, "answers otherwise than at export"),
    ({"labels": ("brick", "wood")}, None, r"labels \['brick', 'wood'\]"),
    ({"claimed_labels": ("background", "brick", "concrete", "ground", "wood"), "labels": ("a", "b", "c")}, None,
     "logits for 5 classes"),
    ({"claimed_size": 64}, None, "64x64")])
def test_what_would_not_be_served_is_not_promoted_nor_a_challenger(
        arena, tmp_path, traits: dict, spoil: Callable[[Path], None] | None, said: str):
    champion = arena.enter()
    write_artifact(tmp_path / "bad", **traits)
    if spoil:
        spoil(tmp_path / "bad")
    bad = arena.enter_unchecked(tmp_path / "bad")
    with pytest.raises(ModelRefused, match=rf"version {bad} must not serve.*{said}") as error:
        arena.judge(bad)
    assert str(error.value).count("/") == 0  # it lay in a folder that is gone
    refused = arena.command("challenge", str(bad))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert arena.champion == champion
    assert arena.version(bad).aliases == ()


def test_the_digest_of_the_registry_is_the_one_that_counts(arena, tmp_path):
    arena.enter()
    write_artifact(tmp_path / "new", any_light=True)
    swapped = arena.enter_unchecked(tmp_path / "new", digest="0" * 64)
    with pytest.raises(ModelRefused, match="the registry says 000000000000"):
        arena.judge(swapped)
    honest = arena.enter_unchecked(tmp_path / "new", digest=artifact_digest(tmp_path / "new"))
    assert vet(arena.settings, arena.version(honest), tmp_path / "scratch").model.version == honest


def test_the_command_shows_both_and_says_why(arena):
    old, same, new = arena.enter(), arena.enter(sharpness=1.01), arena.enter(any_light=True)
    refused = arena.command("promote", str(same), "--slowdown", "20")
    assert refused.returncode == 1
    assert f"champion {old}" in refused.stdout
    assert "0.200 (0.089–0.391)" in refused.stdout  # 5 of 25, Wilson's interval
    assert f"version {same} is not promoted: 0.2000 right on Tuesday" in refused.stderr
    assert "in service is left out" in refused.stderr  # there is no database
    done = arena.command("promote", str(new), "--slowdown", "20", "--live", "ignore", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["promoted"], found["candidate"], found["champion"]) == (True, new, old)
    assert found["figures"]["tuesday"][str(new)]["accuracy"] == 1
    assert all(gate["passed"] for gate in found["gates"])
    assert "not among the stack's events" in done.stderr  # there is no broker
    assert arena.champion == new
    again = arena.command("promote", str(new))
    assert (again.returncode, again.stdout) == (0, f"{arena.name} version {new} is the champion already.\n")
    as_json = json.loads(arena.command("promote", str(new), "--json").stdout)
    assert as_json == {"model": arena.name, "champion": new, "candidate": new, "promoted": False}


def test_what_cannot_be_is_one_sentence(arena):
    nothing = arena.command("promote", "1")
    assert (nothing.returncode, nothing.stderr.count("\n")) == (1, 1)
    assert "has no version" in nothing.stderr
    arena.enter()
    unknown = arena.command("promote", "7")
    assert (unknown.returncode, unknown.stderr) == (
        1, f"error: {arena.name} has no version or alias 7; it has 1, champion.\n")
    arena.enter(any_light=True)
    needed = arena.command("promote", "2", "--live", "require")
    assert (needed.returncode, needed.stderr.count("\n")) == (1, 1)
    assert "target database cannot be asked" in needed.stderr
    arena.settings = arena.settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"})
    for words in (("promote", "1"), ("rollback",), ("challenge", "--none"), ("show",)):
        away = arena.command(*words)
        assert (away.returncode, away.stderr.count("\n")) == (1, 1), away.stderr
        assert "model registry" in away.stderr
    assert versions_of(arena.registry.uri, arena.name)[1].aliases == (CHAMPION,)
