"""`cargostream data`: the image sets that are streamed, learnt from and measured on."""

from pathlib import Path

import typer

from cargostream.cli.data_check import check
from cargostream.cli.data_corrupt import corrupt, sheet
from cargostream.cli.data_import import import_
from cargostream.cli.data_progress import progress_bar
from cargostream.cli.output import out
from cargostream.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Make the image sets that are streamed, learnt from and measured on.")


@app.command()
def synthesize(
    sets: list[str] = typer.Argument(None, help="Sets to draw; default: all of them."),
    store: Path | None = typer.Option(None, help="Image store to draw into; default: the one in the settings."),
    seed: int | None = typer.Option(None, min=0, help="Draw other images than the default ones; a set that is there "
                                                      "must be from the same seed."),
) -> None:
    """Draw image sets: JPEG photos of five kinds of ground, and a list of each set.

    The sets: monday and tuesday (two days), evaluation-monday and evaluation-tuesday (to measure models on), stream
    and stream-tuesday (what the demo and the story put in), starter (what the model that ships has learnt from). No
    two share an image. The same seed draws the same images on any number of cores, some 50 a second on two. Sets that
    are there are kept.

    Tuesday's three sets are spoiled: `mixed` of `data corrupt` at severity 3, that is, one kind of damage for each
    image; SET.corruptions.jsonl beside the list says what was done to which.
    """
    from data_prepare.lists import read_list
    from data_prepare.sets import SETS

    store = store or load_settings().image_store
    for name in sets or list(SETS):
        listing = ensure(store, name, seed)
        out.print(f"{name}: {len(read_list(listing))} images, list {listing}")


def ensure(store: Path, name: str, seed: int | None = None) -> Path:
    """Draw a set unless it is there, with a progress bar on a terminal; its list's path."""
    from data_prepare.sets import ensure_set

    with progress_bar(f"drawing {name}", f"drawing {name}: {{total}} images into {store}") as progress:
        return ensure_set(store, name, seed=seed, progress=progress)


app.command("import")(import_)
app.command()(corrupt)
app.command()(sheet)
app.command()(check)


def register(root: typer.Typer) -> None:
    """Add `data` to the root."""
    root.add_typer(app, name="data")
