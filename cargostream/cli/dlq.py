"""`cargostream dlq`: records that could not be used, and what to do about them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from getpass import getuser
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cargostream.cli.database_faults import database_faults
from cargostream.cli.output import columns, err, out
from cargostream.errors import UsageError

if TYPE_CHECKING:
    from operations.desk import Desk
    from operations.letters import Letter

LIMIT = 100
EVERYTHING = 100_000

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="As `dlq list` shows them.",
                                                 show_default=False)]
Every = Annotated[bool, typer.Option("--all", help="Every one that is not handled.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array.")]


def list_letters(
    handled_too: Annotated[bool, typer.Option("--all", help="Those that are handled, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = LIMIT,
    as_json: AsJson = False,
) -> None:
    """Show records that could not be used: dead letters (kafka:…) and what a database refused (source:…, target:…)."""
    with _desk() as desk:
        letters = desk.letters(limit, handled_too)
    if as_json:
        out.print(json.dumps([letter.as_json() for letter in letters]), markup=False)
    elif letters:
        columns(("id", "when", "stage", "code", "record", "handled", "reason"), [[_safe(words) for words in (
            str(letter.place), letter.at[:19], letter.stage, letter.code,
            f"{letter.topic}:{letter.partition}:{letter.offset}", letter.handled.what if letter.handled else "",
            letter.reason)] for letter in letters])
    else:
        err.print("There are none." if handled_too else "None waits; --all shows those that are handled.")


def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As `dlq list` shows it.")],
    raw: Annotated[bool, typer.Option("--raw", help="The value's bytes as they are, and nothing else.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show all about one record; its bytes are escaped, and cut where they are long."""
    from operations.letters import read_place

    place = read_place(letter_id)
    with _desk() as desk:
        letter = desk.letter(place)
    if raw:
        typer.get_binary_stream("stdout").write(letter.value or b"")
    elif as_json:
        out.print(json.dumps(letter.as_json()), markup=False)
    else:
        for name, content in (letter.as_json() | {"handled": letter.handled}).items():
            if content is not None:
                out.print(f"[bold]{name:<12}[/] {escape(_safe(str(content)))}")


def replay(
    ids: Ids = None,
    every: Every = False,
    again: Annotated[bool, typer.Option("--again", help="Also what is handled already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Use records after all: a dead letter goes through the worker again, behind live rows; a refused record is applied
    again.

    Both keep their coordinates, so that nothing newer is overwritten. What fails again comes back, as a new dead letter
    or with its reason. Exits 1 if one could not be used.
    """
    _each(ids, every, as_json, lambda desk, letter: desk.replay(letter), again)


def dismiss(ids: Ids = None, every: Every = False, as_json: AsJson = False) -> None:
    """Put records aside: they stay where they are, and are listed and counted no more."""
    _each(ids, every, as_json, lambda desk, letter: desk.dismiss(letter))


def register(root: typer.Typer) -> None:
    """Add the commands to the root."""
    commands = typer.Typer(no_args_is_help=True, help="Records that could not be used: list, show, replay, dismiss.")
    commands.command("list")(list_letters)
    for command in (show, replay, dismiss):
        commands.command()(command)
    root.add_typer(commands, name="dlq")


@contextmanager
def _desk() -> "Iterator[Desk]":
    from cargostream.settings import load_settings
    from operations.desk import Desk

    desk = Desk(load_settings(), getuser())
    try:
        with database_faults():
            yield desk
    finally:
        desk.close()


def _each(ids: list[str] | None, every: bool, as_json: bool,
          work: "Callable[[Desk, Letter], tuple[bool, str]]", again: bool = False) -> None:
    """Do something with each letter that is meant and not handled; tell of each what became of it."""
    from operations.letters import read_place

    if bool(ids) == every:
        raise UsageError("Name records by their ids, as `cargostream dlq list` shows them, or all with --all.")
    places = [read_place(one) for one in ids or ()]
    told = []
    with _desk() as desk:
        for letter in desk.letters(EVERYTHING, handled_too=False) if every else map(desk.letter, places):
            if letter.handled and not again:
                well, words = True, f"was {letter.handled}"
            else:
                well, words = work(desk, letter)
            told.append({"id": str(letter.place), "done": well, "what": words})
            if not as_json:
                out.print(f"{escape(str(letter.place))}  {escape(_safe(words))}")
    if as_json:
        out.print(json.dumps(told), markup=False)
    elif every and not told:
        err.print("None waits.")
    if not all(one["done"] for one in told):
        raise typer.Exit(1)


def _safe(words: str) -> str:
    from operations.letters import safe

    return safe(words.encode("utf-8", "surrogateescape")) or ""
