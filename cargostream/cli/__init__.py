"""The command `cargostream`: the one place that may import every room, and only when a command runs."""

import errno
import os
import sys
from importlib import import_module

import typer
from rich.markup import escape

from cargostream import __version__
from cargostream.cli.output import err, out
from cargostream.errors import CargostreamError

MODULES = ("stack", "status", "demo", "story", "data", "produce", "connectors", "worker", "monitor", "model", "verify",
           "replay", "dlq", "chaos")

# Telemetry of dependencies is off; it must be so before they are imported, here and in every process started from here.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")

ANOTHER_HOME = "set CARGOSTREAM_HOME to another folder."
FULL = f"Free some space, or {ANOTHER_HOME}"
ADVICE = {
    errno.ENOSPC: FULL, errno.EDQUOT: FULL, errno.EROFS: f"It must be writable: {ANOTHER_HOME}",
    errno.EACCES: f"Start as the user whom it belongs to, or {ANOTHER_HOME}",
    errno.EPERM: f"Start as the user whom it belongs to, or {ANOTHER_HOME}",
    errno.EMFILE: "Allow more open files: `ulimit -n 4096`.",
}

app = typer.Typer(
    name="cargostream", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"cargostream {__version__}")
        raise typer.Exit


@app.callback()
def _root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True,
                                       help="Print the version and exit.")) -> None:
    """Every row of a Postgres table gets exactly one current prediction in another, by the model called champion.

    Start with `cargostream demo`, or `cargostream up` and `cargostream produce`; `cargostream status` tells what is
    going on.
    """
    if sys.platform not in ("linux", "darwin"):
        raise CargostreamError(f"cargostream does not run on {sys.platform}: use Linux or macOS.")


for module in MODULES:
    import_module(f"cargostream.cli.{module}").register(app)


def in_words(error: OSError) -> str:
    """What the system refused, where, and what to do."""
    from cargostream.settings import default_home

    where = error.filename or (f"home folder {default_home()}" if error.errno in ADVICE else "")
    what = error.strerror or str(error) or type(error).__name__
    advice = ADVICE.get(error.errno or 0, "`cargostream doctor` looks for what is wrong with this machine.")
    return f"{what}{f' ({where})' if where else ''}. {advice}"


def main() -> None:
    """Run the command; exit 0 done, 1 failed, 2 usage, 3 unhealthy, 130 interrupted. A traceback means a bug."""
    try:
        app(standalone_mode=True)
    except CargostreamError as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(error.exit_code)
    except OSError as error:
        err.print(f"[bold red]error:[/] {escape(in_words(error))}")
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("interrupted")
        sys.exit(130)
