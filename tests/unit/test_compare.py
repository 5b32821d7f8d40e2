"""A comparison adds up what was measured, goes on where it was stopped, and mixes no settings."""

from pathlib import Path

import pytest

from cargostream.errors import UsageError
from model_registry.compare import Run, all_runs, draw, summary, table

SETTINGS = {"budget": 220, "epochs": 2}


def a_run(keep: str, seed: int) -> Run:
    return Run(keep, seed, 220, 1.5, {"monday": 0.9 + seed / 100, "tuesday": 0.8, "both": 0.85 + seed / 200}, SETTINGS)


def quiet(run: Run, number: int, of: int) -> None:
    pass


def test_what_was_trained_is_not_trained_again(tmp_path: Path) -> None:
    trained: list[tuple[str, int]] = []

    def train(keep: str, seed: int) -> Run:
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append((keep, seed))
        return a_run(keep, seed)

    with pytest.raises(KeyboardInterrupt):
        all_runs(tmp_path, ["none", "grasp"], [1, 2], SETTINGS, train, quiet)
    stopped, trained[:] = list(trained), []
    runs = all_runs(tmp_path, ["none", "grasp"], [1, 2], SETTINGS, train, quiet)
    assert stopped == [("none", 1), ("grasp", 1)]
    assert trained == [("none", 2), ("grasp", 2)]
    assert runs == [a_run("none", 1), a_run("grasp", 1), a_run("none", 2), a_run("grasp", 2)]


def test_runs_of_other_settings_are_refused(tmp_path: Path) -> None:
    all_runs(tmp_path, ["none"], [1], SETTINGS, a_run, quiet)
    with pytest.raises(UsageError, match=r"epochs 2, not 3"):
        all_runs(tmp_path, ["none"], [1], SETTINGS | {"epochs": 3}, a_run, quiet)


def test_mean_and_deviation_are_over_the_seeds(tmp_path: Path) -> None:
    found = summary([a_run("none", 1), a_run("none", 2), a_run("none", 3), a_run("grasp", 1)])
    assert found["none"]["monday"] == {"mean": pytest.approx(0.92), "sd": pytest.approx(0.01), "runs": 3}
    assert found["grasp"]["tuesday"] == {"mean": 0.8, "sd": 0.0, "runs": 1}
    assert table(found, 220).splitlines() == [
        "| kept of Monday | monday | tuesday | both | runs |", "|---|---|---|---|---|",
        "| none | 92.00 ± 1.00 | 80.00 ± 0.00 | 86.00 ± 0.50 | 3 |", "| grasp, 220 | 91.00 | 80.00 | 85.50 | 1 |"]
    draw(found, tmp_path / "comparison.png")
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")
