"""`cargostream demo`: everything in one command, to look at."""

import json
import signal
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cargostream.cli import children
from cargostream.cli.children import Child
from cargostream.cli.output import err
from cargostream.errors import CargostreamError

if TYPE_CHECKING:
    from cargostream.settings import Settings
    from operations.run import RunReport

IMAGES = "stream"
"""The set whose images are streamed; no training sees them."""
START_S = 900.0
"""How long a start may take; the first one makes databases and registers a model."""


def demo(
    rows: Annotated[int | None, typer.Option(min=1, help="End when so many rows have their predictions and print one "
                                                         "JSON object about them; else go on until Ctrl-C.")] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Rows per second.")] = 20.0,
    seed: Annotated[int, typer.Option(help="The same seed draws the same rows.")] = 1,
) -> None:
    """Start the stack, stream photos through it and watch the predictions arrive.

    Ctrl-C stops everything that this command started; a second Ctrl-C skips the clean-up. Data stays: the next demo
    goes on from it. A stack that was running before is left running.
    """
    import psutil

    from cargostream.cli.stack import running
    from cargostream.settings import load_settings

    began = psutil.Process().create_time()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    settings = load_settings()
    ours = not running(settings)
    processes: list[Child] = []
    try:
        found, times = _stream(settings, processes, began, ours, rows, rate, seed)
    finally:
        try:
            children.clean_up(settings, processes, ours)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # there is nothing left to skip
    print(json.dumps(summary(found, began, times)), flush=True)
    if words := fault(found, rows):
        raise CargostreamError(words)


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command()(demo)


def summary(found: "RunReport", began: float, times: dict[str, float | None]) -> dict[str, Any]:
    """The demo's last line: this run's rows, and how long things took in seconds from `began` (since 1970)."""
    first = None if found.first_stored_at is None else found.first_stored_at - began
    return {
        "rows": found.rows, "predicted": found.predicted, "rejected": found.rejected, "missing": found.missing,
        "phantom": found.phantom, "conflicts": found.conflicts, "redelivered": found.redelivered,
        "p50_ms": _rounded(found.p50_ms, 1), "p99_ms": _rounded(found.p99_ms, 1),
        "accuracy": _rounded(found.accuracy, 4), "model_version": found.model_version,
        **times, "first_prediction_s": _rounded(first, 2),
    }


def fault(found: "RunReport", asked: int | None) -> str | None:
    """What is wrong with a run of which `asked` rows were wanted (None: any number), in a sentence; None if nothing."""
    if not found.sound:
        return (f"Of {found.rows} rows {found.missing} have no prediction, {found.phantom} predictions belong to no "
                f"row and {found.conflicts} answers disagree; see `cargostream status` and `cargostream logs`.")
    if asked is not None and found.rows < asked:
        return (f"Only {found.rows} of the {asked} rows that were asked for were put in, as the producer ended early; "
                "see `cargostream logs producer`.")
    return None


def start_times(runner: dict[str, Any] | None, began: float, seen: float, ours: bool) -> dict[str, float | None]:
    """`start_s` and `ready_s`: from `began` until rows could flow, and until every part was ready (None: not yet).

    Where this command started the runner, the runner's clock tells both; where it ran before, `seen` (when it was
    found running) is all that there is to tell.
    """
    if not ours or runner is None:
        return {"start_s": _rounded(seen - began, 2), "ready_s": _rounded(seen - began, 2) if runner else None}
    started = datetime.fromisoformat(runner["started_at"]).timestamp() - began
    return {"start_s": _rounded(started + runner["flowing_s"], 2),
            "ready_s": _rounded(started + runner["ready_s"], 2) if runner["ready_s"] else None}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _stream(settings: "Settings", processes: list[Child], began: float, ours: bool,
            rows: int | None, rate: float, seed: int) -> "tuple[RunReport, dict[str, float | None]]":
    from cargostream.cli.addresses import addresses
    from cargostream.cli.produce import new_run
    from cargostream.cli.stack import running, stack_status, start_stack
    from cargostream.cli.watch import Run, watch
    from cargostream.database import engine
    from operations.run import newest_id

    (settings.home / "logs").mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (settings.image_store / f"{IMAGES}.jsonl").exists():
        err.print(f"Drawing the photos that are streamed, once; they are kept in {settings.image_store}.")
        processes.append(children.start(settings.home, "images", "data", "synthesize", IMAGES))
    settings = start_stack(settings, tied=True, until="flowing_s")
    await_moment(settings, "flowing_s")
    seen = time.time()
    for drawing in processes:
        drawing.wait(START_S)
        children.expect(drawing, settings.home, "images")

    source, target = engine(settings, "source", "dashboard"), engine(settings, "target", "dashboard")
    run = Run(new_run(), newest_id(source))
    producer = children.start(settings.home, "producer", "produce", "--run", run.name, "--rate", str(rate),
                              "--seed", str(seed), *(["--rows", str(rows)] if rows else []))
    processes.append(producer)

    def producing() -> bool:
        if producer.poll() is None:
            return True
        children.expect(producer, settings.home, "producer")
        return False

    places = {**addresses(settings), "logs": str(settings.home / "logs")}
    found = watch(source, target, run, places, producing, lambda: running(settings))
    runner = await_moment(settings, "ready_s") if fault(found, rows) is None else stack_status(settings)
    return found, start_times(runner, began, seen, ours)


def await_moment(settings: "Settings", moment: str) -> dict[str, Any]:
    """Wait until the runner has reached a moment (`flowing_s`, `ready_s`); what it then says of itself."""
    from cargostream.cli.stack import stack_status

    deadline = time.monotonic() + START_S
    while True:
        runner = stack_status(settings)
        if runner is None:
            raise CargostreamError(f"The stack in {settings.home} has stopped; see `cargostream logs supervisor`.")
        if runner[moment] is not None:
            return runner
        slow = [name for name, part in runner["parts"].items() if part["state"] != "ready"]
        if time.monotonic() > deadline or any(runner["parts"][name]["state"] == "failed" for name in slow):
            raise CargostreamError(f"{', '.join(slow)} did not become ready; see `cargostream logs {slow[0]}`.")
        time.sleep(0.1)
