"""`cargostream story`: Monday, Tuesday, and back, live on the running stack."""

import json
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cargostream.cli import children
from cargostream.cli.model_train import Keep
from cargostream.cli.output import err, out
from cargostream.errors import CargostreamError

if TYPE_CHECKING:
    from cargostream.cli.story_stage import Stage
    from operations.story.expected import Expectation

def story(
    rate: Annotated[float, typer.Option(min=1, help="Rows per second, all the time.")] = 10.0,
    keep: Annotated[Keep, typer.Option(help="How old images to keep are chosen; see `model train`.")] = "cp_l2norm",
    budget: Annotated[int, typer.Option(min=1, help="How many of Monday's images training keeps.")] = 400,
    seed: Annotated[int, typer.Option(help="Decides the order of the rows and the training.")] = 2022,
    to: Annotated[Path | None, typer.Option("--out", help="Folder for the report; default: story in the home "
                                                          "folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Moments and figures as one JSON object on standard "
                                                         "output; the timeline goes to standard error.")] = False,
) -> None:
    """Tell the whole tale on the running stack, and write a report of it.

    Monday streams; Tuesday begins, with pictures that camera and weather spoilt; accuracy falls and the drift alarm
    trips; a second model is trained while rows go on flowing, answers in shadow, passes the gates and takes over;
    accuracy comes back on Tuesday's rows and holds on Monday's. About 11 minutes on two cores; needs the extra `train`.

    A stack that is not running is started, and stopped in the end; a champion of it that has learnt Tuesday already is
    rolled back first. The second model stays champion. Exits 1 if a figure is not what it has to be.
    """
    from cargostream.cli.model_train import need_packages
    from cargostream.cli.stack import running
    from cargostream.cli.story_acts import perform
    from cargostream.settings import load_settings

    need_packages()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    settings = load_settings()
    folder = to or settings.home / "story"
    processes: list[children.Child] = []
    ours = not running(settings)
    say = err if as_json else out
    try:
        stage = perform(settings, processes, lambda words: say.print(words, markup=False, soft_wrap=True), rate=rate,
                        keep=keep, budget=budget, seed=seed, tied=ours)
        found = _report(stage, folder)
    finally:
        try:
            children.clean_up(settings, processes, ours)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # there is nothing left to skip
    unmet = [one for one in found if not one.met]
    if as_json:
        import msgspec

        print(json.dumps({"expectations": msgspec.to_builtins(found), **msgspec.to_builtins(stage.tale)}), flush=True)
    else:
        for one in found:
            out.print(f"  {'[green]✓[/]' if one.met else '[red]✗[/]'} {one.what}: {one.found} (wanted: {one.wanted})")
        out.print(f"report: {folder / 'report.html'}", soft_wrap=True)
    if stage.ended_early:
        raise CargostreamError(f"The story ended early: {stage.ended_early}")
    if unmet:
        raise CargostreamError(f"{len(unmet)} of {len(found)} figures were not met: "
                               f"{'; '.join(one.what for one in unmet)}.")


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command()(story)


def _report(stage: "Stage", folder: Path) -> "list[Expectation]":
    """Read the story's rows once more, judge them, and write report.html and report.json."""
    import msgspec

    from cargostream.images import FolderStore
    from cargostream.labels import CARGO_LABELS
    from operations.run import report
    from operations.story.expected import expectations
    from operations.story.report import write_report
    from operations.story.rows import read_events, read_rows, read_windows

    tale, settings = stage.tale, stage.settings
    tale.tell("end", time.time(), "The end.")
    rows = read_rows(stage.target, tale.name, tale.since_id)
    began = tale.moments[0].at
    runs = [report(stage.source, stage.target, run, tale.since_id) for run in stage.runs]
    found = expectations(tale, rows, read_events(stage.target, began), runs)
    store = FolderStore(settings.image_store, settings.image_max_bytes)
    html = write_report(tale, rows, read_windows(stage.target, began), found, CARGO_LABELS, store.read)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(html, encoding="utf-8")
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(
        {"expectations": found, "tale": tale})) + b"\n")
    return found
