"""The acts of the story, in their order: each does something to the running stack and waits for its effect."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from cargostream.cli import children
from cargostream.cli.children import Child
from cargostream.cli.story_stage import LATE_LABELS_S, Stage
from cargostream.errors import CargostreamError
from cargostream.settings import Settings

MONDAY, TUESDAY = "stream", "stream-tuesday"
"""The sets whose images are streamed; no training sees them, and no gate but the one on live rows."""

SETS = (MONDAY, TUESDAY, "monday", "tuesday", "evaluation-monday", "evaluation-tuesday")
"""Those, what is learnt from, and what the gates measure on; in the order in which they are needed."""

ROWS = 300
"""Labelled rows of each day before the next thing happens: enough to tell an accuracy to some points."""

SHADOWS = 60
"""Labelled answers in shadow that are waited for before the gates."""


def perform(settings: Settings, processes: list[Child], say: Callable[[str], None], *, rate: float, keep: str,
            budget: int, seed: int, tied: bool) -> Stage:
    """The whole story. What goes wrong on the way ends it early, and is told in `Stage.ended_early`."""
    from cargostream.cli.produce import new_run
    from cargostream.cli.stack import start_stack
    from cargostream.database import engine
    from operations.run import newest_id
    from operations.story.tale import Tale

    began = time.time()
    (settings.home / "logs").mkdir(parents=True, exist_ok=True, mode=0o700)
    drawing = children.start(settings.home, "images", "data", "synthesize", *SETS, nice=5)
    processes.append(drawing)
    settings = start_stack(settings, tied=tied)
    source, target = engine(settings, "source", "dashboard"), engine(settings, "target", "dashboard")
    stage = Stage(settings, source, target, Tale(new_run().replace("run", "story"), newest_id(source)), processes, say,
                  rate, seed)
    stage.tell("start", "The stack runs.", began)
    try:
        first = _first_model(stage, ours=tied)
        _monday(stage, drawing)
        _tuesday(stage)
        second = _training(stage, keep, budget)
        _challenge(stage, first, second)
        _promotion(stage, second)
        _back(stage, second)
    except CargostreamError as error:
        stage.ended_early = str(error)
        stage.tell("failed", str(error))
        if stage.tale.at("challenger"):
            stage.command("challenge", "model", "challenge", "--none", deadline_s=60, what="no challenger any more")
    stage.silence()
    return stage


def _first_model(stage: Stage, ours: bool) -> int:
    """The champion's version. One that has learnt Tuesday makes way for the one before it, if the stack is `ours`."""
    tried: set[int] = set()
    while True:
        champion = stage.command("show", "model", "show", "champion", deadline_s=60, what="which model is champion")
        if champion["training"].get("days") not in ("tuesday", "both"):
            return int(champion["version"])
        if not ours:
            raise CargostreamError(f"The champion, version {champion['version']}, has learnt Tuesday already: put the "
                                   "one before it back with `cargostream model rollback`, and begin again.")
        if champion["version"] in tried:
            raise CargostreamError("Every version that can be gone back to has learnt Tuesday already: begin anew with "
                                   "`cargostream reset`.")
        tried.add(champion["version"])
        stage.say(f"       version {champion['version']} has learnt Tuesday already: it is rolled back")
        stage.command("rollback", "model", "rollback", deadline_s=120, what="the champion before it")


def _monday(stage: Stage, drawing: Child) -> None:
    store, home = stage.settings.image_store, stage.settings.home

    def drawn() -> bool:
        children.expect(drawing, home, "images")
        return drawing.poll() is not None

    def first_drawn() -> bool:
        return (store / f"{MONDAY}.jsonl").exists() or drawn()

    stage.wait("the photos that are streamed are drawn", first_drawn, 300)
    stage.stream("monday", MONDAY)
    stage.tell("monday", f"Monday: photos from a clean camera, {stage.rate:g} rows/s.")
    stage.wait("photos to learn from and to measure on are drawn, once", drawn, 900,
               lambda: f"photos are drawn, once; meanwhile {_live(stage, '-monday')}")
    stage.wait(f"{ROWS} labelled rows of Monday", lambda: _labelled(stage, "-monday") >= ROWS, 300)
    stage.say(f"       Monday: {_live(stage, '-monday')}")


def _tuesday(stage: Stage) -> None:
    from operations.story.rows import read_events, read_windows

    stage.stream("tuesday", TUESDAY)
    began = time.time()
    stage.tell("tuesday", "Tuesday: camera and weather spoil the photos.", began)
    alarms = stage.wait("the drift alarm",
                        lambda: [one for one in read_events(stage.target, began) if one.kind == "drift"], 180,
                        lambda: _live(stage, "-tuesday"))
    stage.tell("drift", alarms[0].detail)
    # The event goes out before the window is written.
    window = stage.wait("the window that tripped the alarm", lambda: next(
        (window for window in read_windows(stage.target, began) if window["drift"]), None), 60)
    stage.tale.drift_rows = sum(row.run.endswith("-tuesday") and row.stored_at <= window["to_at"]
                                for row in stage.rows())
    stage.wait(f"{ROWS} labelled rows of Tuesday", lambda: _labelled(stage, "-tuesday") >= ROWS, 300)
    kinds = Counter(window["looks_like"] for window in read_windows(stage.target, began) if window["looks_like"])
    likeness = f" The monitor says that it looks like {kinds.most_common(1)[0][0]}." if kinds else ""
    stage.tell("fallen", f"Tuesday: {_live(stage, '-tuesday')}.{likeness}")


def _training(stage: Stage, keep: str, budget: int) -> int:
    stage.tell("training", f"A second model goes on from the first: Tuesday's photos and {budget} of Monday's, chosen "
                           f"by {keep}. Rows flow on.")
    began = time.time()
    made = stage.command(
        "training", "model", "train", "--days", "both", "--keep", keep, "--budget", str(budget), "--weights",
        "champion", "--seed", str(stage.seed), deadline_s=1200, nice=10, what="training")
    stage.tell("trained", f"Version {made['version']} is registered after {(time.time() - began) / 60:.1f} min; "
                          f"meanwhile {_live(stage, '-tuesday', began)}.")
    return int(made["version"])


def _challenge(stage: Stage, first: int, second: int) -> None:
    from operations.story.rows import both_answered

    stage.command("challenge", "model", "challenge", str(second), deadline_s=120, what="the challenger")
    stage.tell("challenger", f"Version {second} answers beside version {first}, in shadow, "
                             f"{stage.settings.shadow_share:.0%} of the rows.")
    pairs = stage.wait(f"{SHADOWS} rows that both have answered",
                       lambda: (found if (found := both_answered(stage.target, first, second)).n >= SHADOWS else None),
                       300)
    stage.say(f"       of {pairs.n} rows that both answered, the first is right on {pairs.first}, the second on "
              f"{pairs.second}")


def _promotion(stage: Stage, second: int) -> None:
    verdict = stage.command("promote", "model", "promote", str(second), deadline_s=600, what="the gates")
    tale = stage.tale
    tale.gates = verdict.get("gates", [])
    for gate in tale.gates:
        stage.say(f"       {'✓' if gate['passed'] else '✗'} {gate['name']}: {gate['words']}")
    versions = {"before": str(verdict.get("champion")), "after": str(second)}
    tale.figures = {side: {day: {key: found[version][key] for key in ("accuracy", "low", "high")}
                           for day, found in verdict.get("figures", {}).items() if version in found}
                    for side, version in versions.items()}
    if verdict["exit"]:
        raise CargostreamError(f"Version {second} was not promoted: {verdict['words'].removeprefix('error: ')}")
    shown = stage.command("show", "model", "show", str(second), deadline_s=60, what="when the alias moved")
    moved = datetime.fromisoformat(shown["tags"]["promoted_at"]).timestamp()
    stage.tell("promoted", f"All gates passed: version {second} is champion.", moved)
    row = stage.wait("the first row by the new champion", lambda: next(
        (row for row in stage.rows(moved) if row.model_version == second), None), 60)
    stage.tell("swapped", f"The first row by version {second}, {row.stored_at - moved:.1f} s later.", row.stored_at)


def _back(stage: Stage, second: int) -> None:
    swapped = stage.tale.at("swapped") or 0.0
    stage.wait(f"{ROWS} labelled rows of Tuesday", lambda: _labelled(stage, "-tuesday", swapped) >= ROWS, 300)
    stage.tell("recovered", f"Tuesday, version {second}: {_live(stage, '-tuesday', swapped)}.")
    stage.stream("again", MONDAY)
    stage.tell("again", "The camera is cleaned: Monday's photos again.")
    stage.wait(f"{ROWS} labelled rows of Monday", lambda: _labelled(stage, "-again") >= ROWS, 300)
    stage.tell("held", f"Monday, version {second}: {_live(stage, '-again')}.")


def _labelled(stage: Stage, run: str, since: float = 0.0) -> int:
    return sum(row.correct is not None for row in stage.rows(since) if row.run.endswith(run))


def _live(stage: Stage, run: str, since: float = 0.0) -> str:
    """How a run goes, in words: accuracy and latency of its rows that were stored after `since`."""
    from operations.story.rows import accuracy, percentile_ms

    rows = [row for row in stage.rows(since) if row.run.endswith(run)]
    share, p99 = accuracy(rows), percentile_ms(rows, 0.99)
    if share is None or p99 is None:
        return f"no label yet (they come {LATE_LABELS_S:.0f} s after the rows)"
    return f"{share.value:.1%} of {share.n:,} rows right, p99 {p99:.0f} ms"
