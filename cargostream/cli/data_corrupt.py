"""`cargostream data corrupt` and `data sheet`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from cargostream.cli.data_progress import progress_bar
from cargostream.cli.output import err, out
from cargostream.errors import UsageError
from cargostream.settings import load_settings

if TYPE_CHECKING:
    from data_prepare.files import Unreadable

KINDS = ("random_boxes, mosaic, random_line, blur, noise, low_light, over_exposure, fog, precipitation, dirt, jpeg; "
         "mixed (any of these for each image), mixed-original (any of the first three)")
SEED = 2022


def corrupt(
    source: Path = typer.Argument(..., metavar="INPUT", help="Folder of images, at any depth, or a list of them "
                                                             "(JSON Lines with image_path)."),
    output: Path = typer.Argument(..., help="Folder to write to; it must not be there yet."),
    kind: str = typer.Option("mixed", "--type", help=f"Kind of damage: {KINDS}."),
    severity: int = typer.Option(3, min=1, max=5, help="From 1, slight, to 5, hard."),
    seed: int = typer.Option(SEED, min=0, help="The same seed does the same to the same image."),
    root: Path | None = typer.Option(None, help="Folder that a list's paths start from; default: the list's own."),
    skip_unreadable: bool = typer.Option(False, "--skip-unreadable", help="Leave out images that cannot be used, "
                                                                           "instead of stopping."),
    sheet: Path | None = typer.Option(None, help="Also draw a contact sheet of the first image to this PNG file."),
    as_json: bool = typer.Option(False, "--json", help="What was done as one JSON object."),
) -> None:
    """Spoil images as camera and weather do, into another folder; names and folders are kept.

    OUTPUT/corruptions.jsonl says for each image the kind, its severity and parameters, and the SHA-256 before and
    after. Sizes are relative to the image; JPEG stays JPEG, PNG stays PNG.
    """
    from data_prepare.corrupt_files import MANIFEST, corrupt_files
    from data_prepare.files import Limits, find_images
    from data_prepare.lists import read_entries

    if sheet:
        _as_png(sheet)
    settings = load_settings()
    limits = Limits(settings.image_max_bytes, settings.image_max_pixels)
    if source.is_file():
        root = root or source.parent
        paths = list(dict.fromkeys(entry.image_path for entry in read_entries(source)))
    else:
        root, paths = source, find_images(source)
    with progress_bar("spoiling", f"spoiling {{total}} images into {output}") as progress:
        damages, unreadable = corrupt_files(root, paths, output, kind, severity, seed, limits, skip=skip_unreadable,
                                            report=tell, progress=progress)
    if sheet:
        draw_sheet(sheet, root / damages[0].image_path, seed)
    counts = dict(sorted(Counter(damage.kind for damage in damages).items()))
    if as_json:
        out.print(msgspec.json.encode({
            "output": str(output), "manifest": str(output / MANIFEST), "images": len(damages), "kinds": counts,
            "skipped": [each._asdict() for each in unreadable]}).decode())
        return
    out.print(f"{len(damages)} images in {output}: {', '.join(f'{kind} {count}' for kind, count in counts.items())}")
    out.print(f"what was done to each: {output / MANIFEST}")


def sheet(
    file: Path = typer.Argument(..., help="PNG file to write."),
    image: Path | None = typer.Option(None, help="Image to spoil; default: a drawn photo of bricks."),
    seed: int = typer.Option(SEED, min=0, help="The same seed draws the same sheet."),
) -> None:
    """Draw a contact sheet: every kind of damage at every severity, for people to look at."""
    draw_sheet(_as_png(file), image, seed)
    out.print(f"contact sheet: {file}")


def draw_sheet(file: Path, image: Path | None, seed: int) -> None:
    """Write the contact sheet of an image, or of a drawn photo."""
    import numpy as np

    from cargostream.errors import CargostreamError, Rejection
    from data_prepare.files import Limits, read_image
    from data_prepare.photograph import photograph
    from data_prepare.sheet import contact_sheet
    from data_prepare.spoil import read_pixels

    settings = load_settings()
    try:
        data = (read_image(image, Limits(settings.image_max_bytes, settings.image_max_pixels)) if image
                else photograph("brick", np.random.default_rng(seed)))
    except Rejection as rejection:
        raise CargostreamError(f"The image {image} cannot be used: {rejection}.") from rejection
    contact_sheet(read_pixels(data)[0], seed).save(file)


def _as_png(file: Path) -> Path:
    if file.suffix.lower() != ".png":
        raise UsageError(f"The contact sheet is a PNG, and {file} does not end in .png.")
    return file


def tell(unreadable: "Unreadable") -> None:
    """One image that cannot be used."""
    err.print(f"{unreadable.path}: {unreadable.reason}", markup=False)
