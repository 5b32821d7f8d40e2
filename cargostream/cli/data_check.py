"""`cargostream data check`."""

from pathlib import Path
from typing import Any

import msgspec
import typer

from cargostream.cli.data_progress import progress_bar
from cargostream.cli.output import err, out
from cargostream.errors import CargostreamError, UsageError
from cargostream.settings import load_settings

SHOWN = 20
"""Findings that are told one by one; `--json` has all."""


def check(
    lists: list[str] = typer.Argument(..., help="Sets of the store, or list files: what is to be learnt from."),
    reference: str = typer.Option("monday", help="Set that the class mix and the images should be like; none: no "
                                                 "comparison."),
    against: list[str] = typer.Option([], help="Set that no image may be shared with, an evaluation set for instance; "
                                               "may be given again."),
    store: Path | None = typer.Option(None, help="Image store that the lists' paths start from; default: the one in "
                                                 "the settings."),
    max_mix: float = typer.Option(0.20, min=0, max=1, help="Largest total variation distance of the class shares."),
    max_shift: float = typer.Option(0.10, min=0, max=1, help="Largest Kolmogorov-Smirnov distance of brightness, "
                                                             "contrast, sharpness and saturated share."),
    significance: float = typer.Option(0.001, min=0, max=1, help="Differences that chance makes more often than this "
                                                                 "do not count."),
    as_json: bool = typer.Option(False, "--json", help="All figures and findings as one JSON object."),
) -> None:
    """Check a training set before it is learnt from; exit 1 if it must not be.

    Refused are: images that two of the lists share (by SHA-256), files that are missing, damaged or not the listed
    ones, unknown or missing classes, one image under two classes; and a class mix or image statistics further from
    the reference than the limits allow. The lists are compared with the reference together, as one training set.
    """
    from data_prepare.check import Limits
    from data_prepare.check import check as judge
    from data_prepare.lists import hashed, read_entries

    store = store or load_settings().image_store
    files = [_list_file(store, name) for name in lists]
    known = None if reference == "none" else _list_file(store, reference)
    others = [(file.stem, hashed(store, read_entries(file))) for file in (_list_file(store, name) for name in against)]
    sets = [_examined(store, file) for file in files]
    found, moved = judge(sets, others, _examined(store, known) if known else None,
                         Limits(max_mix, max_shift, significance))
    images = {each.name: len(each.entries) for each in sets}
    if as_json:
        out.print(msgspec.json.encode({
            "ok": not found, "images": images, "reference": reference, "differences": moved,
            "findings": found}).decode())
    else:
        out.print(", ".join(f"{name}: {count} images" for name, count in images.items()))
        for each in moved:
            out.print(f"against {reference}: {each}", markup=False)
    for finding in found[:SHOWN]:
        err.print(f"refused: {finding}", markup=False)
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise CargostreamError(f"{', '.join(images)} should not be learnt from, for the reasons above{more}.")
    if not as_json:
        out.print("nothing speaks against learning from it")


def _list_file(store: Path, name: str) -> Path:
    for file in (store / f"{name}.jsonl", Path(name)):
        if file.is_file():
            return file
    raise UsageError(f"There is no set {name} in {store}, and no list file of that name. `cargostream data synthesize` "
                     f"draws sets, `cargostream data import` brings in your own.")


def _examined(store: Path, listing: Path) -> Any:
    from data_prepare.examine import examine
    from data_prepare.files import Limits

    settings = load_settings()
    with progress_bar(f"reading {listing.stem}", f"reading {listing.stem}: {{total}} images") as progress:
        return examine(store, listing, Limits(settings.image_max_bytes, settings.image_max_pixels), progress)
