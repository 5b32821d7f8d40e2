"""`cargostream chaos`: a crash test of the running stack."""

import json
import random
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cargostream.cli.output import err, out
from cargostream.errors import CargostreamError, Unhealthy

if TYPE_CHECKING:
    from cargostream.cli.crash import Findings

Kill = Literal["worker", "connect", "broker", "source", "target", "all"]


def chaos(
    kill: Annotated[Kill, typer.Option(help="What is killed by kill -9 while rows are in flight.")] = "worker",
    rows: Annotated[int, typer.Option(min=40, max=100_000, help="Rows to stream.")] = 2000,
    rate: Annotated[float, typer.Option(min=1, help="Rows per second; half of them come at once, just before the "
                                                    "kill.")] = 100.0,
    seed: Annotated[int | None, typer.Option(help="The same seed draws the same rows and victims; default: a new "
                                                  "one.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the rows and their predictions; else they are deleted at "
                                                      "the end, through the pipeline.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as one JSON object.")] = False,
) -> None:
    """Crash test: kill a part of the running stack while rows are in flight, watch it recover, check every answer.

    Streams rows, one in twenty of them bad, kills a process while 20 to 80 % of them are written and not answered, and
    waits until all is whole. Then it counts: lost (a row without an answer), phantom (an answer without a row),
    conflicting (one record answered in two ways), wrong (not what the recorded model version says about the image,
    computed once more, here), repaired (any of these, but the stack's own verification saw it first). Exits 0 if all
    are zero, 1 otherwise, 3 when the stack was not healthy to begin with.

    Example: cargostream chaos --kill all
    """
    from cargostream.cli.crash import crash_test
    from cargostream.cli.status import read_status
    from cargostream.settings import load_settings

    settings = load_settings()
    with err.status("is the stack healthy?"):
        found = read_status(settings)
    if not found["healthy"]:
        raise Unhealthy(f"A crash test needs a healthy stack to begin with: {'; '.join(found['reasons'])}.")
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    began = time.monotonic()
    findings = crash_test(settings, found["parts"], kill, rows, rate, seed, keep)
    took = round(time.monotonic() - began, 1)
    out.print(json.dumps({**_facts(findings), "took_s": took}) if as_json else in_words(findings), markup=False)
    if not findings.sound:
        raise CargostreamError("The pipeline did not hold what it promises; see `cargostream status` and "
                               f"{settings.home / 'logs'}. The same rows and victims again: `cargostream chaos "
                               f"--kill {kill} --rows {rows} --seed {seed}`.")


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command()(chaos)


def _facts(found: "Findings") -> dict[str, Any]:
    import msgspec

    return {**msgspec.to_builtins(found), "sound": found.sound}


def in_words(found: "Findings") -> str:
    """The findings for people."""
    whole = f"whole again after {found.recovery_s:.1f} s" if found.recovery_s is not None else "NOT whole again"
    removed = "The rows were kept." if found.left_over is None else (
        f"The rows were deleted again; {found.left_over} of them left something behind." if found.left_over
        else "The rows were deleted again, and their predictions went with them.")
    repaired = "" if not found.repaired else (
        f"The verification found {found.repaired:,} rows that differed for good and repaired what it could: without "
        "it, they would have stayed lost, left over or with an answer to another image.\n")
    return (f"killed {', '.join(found.killed)} with {found.in_flight:,} of {found.rows:,} rows in flight; {whole}\n"
            f"lost {found.lost}, phantom {found.phantom}, conflicting {found.conflicting}, wrong {found.wrong}, "
            f"repaired {found.repaired}\n{repaired}"
            f"{found.predicted:,} predicted, {found.rejected:,} rejected, {found.repeated:,} repeats that agree; run "
            f"{found.run}, seed {found.seed}\n{removed}")
