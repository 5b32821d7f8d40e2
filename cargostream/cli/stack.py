"""up, down, logs, reset, doctor, fetch: the stack's life."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from cargostream.cli.addresses import addresses
from cargostream.cli.output import err, out
from cargostream.errors import CargostreamError, UsageError
from cargostream.settings import Settings, load_settings

LONGEST_START = 900.0
TAIL = 15


def running(settings: Settings) -> bool:
    """Whether the stack of this home folder runs."""
    from compose.state import running

    return running(settings.home)


def stack_status(settings: Settings) -> dict[str, Any] | None:
    """The supervisor's status file, or None when it does not run."""
    from compose.state import read_status

    return read_status(settings.home)


def start_stack(settings: Settings, only: tuple[str, ...] = (), tied: bool = False,
                until: Literal["ready_s", "flowing_s"] = "ready_s") -> Settings:
    """Fetch what is missing, start the stack and return when every part is ready; shows a line a part on stderr.

    Returns the settings with the ports that were taken and the passwords that were made. With `tied` the stack stops
    when this process ends, however it ends (Linux). A running stack is left as it is. With `until` "flowing_s" it
    returns as soon as rows can flow; parts that rows do not need may still be on their way.

    Raises:
        CargostreamError: a part did not start; the message has the cause, the end of its log and what to do.
    """
    from compose.doctor import require
    from compose.ports import choosing_alone
    from compose.secrets import ensure_secrets
    from compose.state import ensure_home

    ensure_home(settings.home)
    if running(settings):
        err.print(f"The stack in {settings.home} is already running.")
        return load_settings(settings.home)
    require(settings)
    ensure_secrets(settings.home)
    _fetch(settings)
    with choosing_alone(lambda: err.print("Another stack is starting here; this one waits until it has its ports.")):
        _settle_ports(settings)
        if only:
            from cargostream.cli.wiring import parts

            parts(load_settings(settings.home), only)  # a wrong name is told before anything starts
        (settings.home / "run" / "status.json").unlink(missing_ok=True)
        process = _spawn(settings.home, only, tied)
        try:
            _follow(settings, process, until)
        except BaseException:
            stop_stack(settings)
            raise
    return load_settings(settings.home)


def stop_stack(settings: Settings, hard: bool = False) -> bool:
    """Stop the stack and wait until it is gone; a Ctrl-C meanwhile kills it. Answers whether it was running."""
    from compose.state import stop

    try:
        return stop(settings.home, hard)
    except KeyboardInterrupt:
        stop(settings.home, hard=True)
        raise


def _fetch(settings: Settings) -> None:
    from compose.fetch import fetch, missing

    root = settings.download_cache / "jars"
    if not (wanted := missing(root)):
        return
    size = sum(one.size for one in wanted)
    err.print(f"Fetching Kafka and Debezium: {len(wanted)} files, {size / 1e6:.0f} MB, kept in {root}")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("fetching", total=size)
        fetch(root, settings.maven_mirror, lambda received: progress.advance(task, received))


def _settle_ports(settings: Settings) -> None:
    from compose.ports import choose, remember

    chosen, moved = choose(settings)
    remember(settings, chosen)
    for one in moved:
        err.print(f"Port {one.old} ({one.field}) is taken by {one.holder}; using {one.new}, also from now on.")


def _spawn(home: Path, only: tuple[str, ...], tied: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cargostream", "supervise", *(f"--only={name}" for name in only)]
    if tied:
        import compose

        launch = str(Path(compose.__file__).with_name("launch.py"))
        command = [sys.executable, "-I", "-S", launch, str(int(signal.SIGTERM)), "-", str(os.getpid()), "--", *command]
    with (home / "logs" / "supervisor.log").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                env={**os.environ, "CARGOSTREAM_HOME": str(home)}, cwd=home)


def _follow(settings: Settings, process: subprocess.Popen[bytes], until: str) -> None:
    """Print a line for each part that becomes ready, until all are, or all that rows need."""
    shown: set[str] = set()
    told: dict[str, str] = {}
    end = time.monotonic() + LONGEST_START
    with err.status("starting") as spinner:
        while True:
            status = stack_status(settings) or {"parts": {}, until: None}
            for name, part in status["parts"].items():
                if part["state"] == "failed":
                    raise CargostreamError(_failure(settings, name, part["error"]))
                if part["error"] and part["error"] != told.get(name):
                    told[name] = part["error"]
                    err.print(f"  [yellow]…[/] {name:<12} is tried again: {escape(part['error'])}")
                if part["state"] == "ready" and name not in shown:
                    shown.add(name)
                    err.print(f"  [green]✓[/] {name:<12} {part['seconds']:6.1f} s")
            if status[until] is not None:
                return
            if process.poll() is not None:
                raise CargostreamError(_failure(settings, "supervisor", "The supervisor ended."))
            if time.monotonic() > end:
                raise CargostreamError(f"The stack was not ready within {LONGEST_START:.0f} s; see `cargostream logs`.")
            if waiting := [name for name in status["parts"] if name not in shown]:
                spinner.update(f"waiting for {', '.join(waiting)}")
            time.sleep(0.1)


def _failure(settings: Settings, name: str, error: str | None) -> str:
    log = settings.home / "logs" / f"{name}.log"
    # A Java stack trace would push out the line that says what happened.
    lines = [line for line in _tail(log, 200) if not line.startswith("\tat ")][-TAIL:] if log.exists() else []
    quoted = "".join(f"\n    {line}" for line in lines)
    return (f"{name} did not start: {error}\n  The end of {log}:{quoted}\n"
            f"  `cargostream doctor` looks for what is wrong with this machine, `cargostream up` tries again.")


def _tail(file: Path, lines: int) -> list[str]:
    with file.open("rb") as source:
        source.seek(max(0, file.stat().st_size - 200 * 1024))
        return source.read().decode(errors="replace").splitlines()[-lines:] if lines else []


def closing_card(settings: Settings) -> str:
    """Where everything is, and what to do next: a line each."""
    lines = (
        *addresses(settings).items(),
        ("passwords", str(settings.home / "secrets")),
        ("logs", f"{settings.home / 'logs'}  (cargostream logs connect -f)"),
        ("stop", "cargostream down  (keeps data; `reset` removes it)"),
        ("next", "cargostream produce, cargostream status"),
    )
    return "".join(f"[bold]{name:<16}[/] {value}\n" for name, value in lines)


def up(
    foreground: bool = typer.Option(False, "--foreground", help="Stay; Ctrl-C stops the stack."),
    only: list[str] = typer.Option([], "--only", metavar="PART", help="Start only this part and what it needs."),
) -> None:
    """Start the stack and return when every part is ready."""
    if foreground:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    settings = start_stack(load_settings(), tuple(only), tied=foreground)
    err.print(f"Ready in {time.monotonic() - began:.1f} s.\n")
    err.print(closing_card(settings), end="")
    if foreground:
        try:
            while running(settings):
                time.sleep(0.5)
        except KeyboardInterrupt:
            err.print("Stopping; Ctrl-C again to skip the cleaning up.")
            stop_stack(settings)
            raise
        raise CargostreamError("The supervisor ended; see `cargostream logs supervisor`.")


def down() -> None:
    """Stop the stack; data stays."""
    settings = load_settings()
    began = time.monotonic()
    with err.status("stopping"):
        was = stop_stack(settings)
    seconds = time.monotonic() - began
    err.print(f"Stopped in {seconds:.1f} s; data is kept in {settings.home}." if was else "Not running.")


def logs(
    service: str = typer.Argument("", help="A part's name; default: all."),
    follow: bool = typer.Option(False, "-f", "--follow", help="Go on until Ctrl-C."),
    number: int = typer.Option(50, "-n", "--lines", min=0, help="Lines from the end of each log."),
) -> None:
    """Show what the parts logged."""
    folder = load_settings().home / "logs"
    names = sorted(file.stem for file in folder.glob("*.log"))
    if service and service not in names:
        raise UsageError(f"There is no log of {service!r} in {folder}; there are: {', '.join(names) or 'none yet'}.")
    files = [folder / f"{name}.log" for name in ([service] if service else names)]
    for file in files:
        for line in _tail(file, number):
            out.print(line if service else f"{file.stem:<10} {line}", markup=False)
    places = {file: file.stat().st_size for file in files}
    while follow:
        for file, place in places.items():
            size = file.stat().st_size
            with file.open(errors="replace") as source:
                source.seek(place if size >= place else 0)  # a shorter file was turned over
                for line in source:
                    out.print(line.rstrip("\n") if service else f"{file.stem:<10} {line}".rstrip("\n"), markup=False)
                places[file] = source.tell()
        time.sleep(0.3)


def reset(
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
    cache: bool = typer.Option(False, "--cache", help="Remove the downloads too."),
) -> None:
    """Stop the stack and remove all its data."""
    from compose.state import remove

    settings = load_settings()
    if not settings.home.exists():
        err.print(f"There is nothing in {settings.home}.")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("`cargostream reset` removes all data: give --yes when there is nobody to ask.")
        typer.confirm(f"Remove all rows, predictions, models and logs in {settings.home}?", abort=True, err=True)
    stop_stack(settings)
    remove(settings.home, with_cache=cache)
    err.print(f"Removed the state in {settings.home}{'' if cache else '; downloads are kept'}.")


def doctor(as_json: bool = typer.Option(False, "--json", help="Findings as JSON.")) -> None:
    """Look for what would keep the stack from starting."""
    from dataclasses import asdict

    from compose.doctor import examine

    findings = examine(load_settings())
    if as_json:
        out.print_json(json.dumps([asdict(one) for one in findings]))
    else:
        for one in findings:
            out.print(f"[{'green]✓' if one.ok else 'red]✗'}[/] {one.subject:<16} {one.detail}")
            if not one.ok:
                out.print(f"  {'':<16} {one.advice}")
    if not all(one.ok for one in findings):
        raise typer.Exit(1)


def fetch() -> None:
    """Fetch the Java archives now; what follows works offline."""
    settings = load_settings()
    _fetch(settings)
    err.print(f"All downloads are in {settings.download_cache}.")


def supervise(only: list[str] = typer.Option([], "--only")) -> None:
    """Be the supervisor; `up` and `demo` start this."""
    from cargostream.cli.wiring import supervise

    supervise(tuple(only))


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    for command in (up, down, logs, reset, doctor, fetch):
        app.command()(command)
    app.command(hidden=True)(supervise)
