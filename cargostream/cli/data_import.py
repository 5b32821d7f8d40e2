"""`cargostream data import`."""

from collections import Counter
from pathlib import Path

import msgspec
import typer

from cargostream.cli.data_corrupt import tell
from cargostream.cli.data_progress import progress_bar
from cargostream.cli.output import err, out
from cargostream.errors import UsageError
from cargostream.settings import load_settings

SHOWN = 20
"""Groups of equal images that are told one by one."""


def import_(
    folder: Path = typer.Argument(..., help="Folder with the folders background, brick, concrete, ground and wood, or "
                                            "a list: JSON Lines of image_path and target."),
    name: str = typer.Option(..., help="Name of the set; the other commands know it by that."),
    root: Path | None = typer.Option(None, help="Folder that a list's paths start from; default: the list's own."),
    store: Path | None = typer.Option(None, help="Image store to bring them into; default: the one in the settings."),
    skip_unreadable: bool = typer.Option(False, "--skip-unreadable", help="Leave out images that cannot be used, "
                                                                           "instead of stopping."),
    as_json: bool = typer.Option(False, "--json", help="What was done as one JSON object."),
) -> None:
    """Bring your own images into the store as a set: STORE/NAME.jsonl lists them with class and SHA-256.

    Nothing is copied that need not be: images within the store stay where they are, others are hard-linked, or copied
    from another file system. A hard link is the same file: whoever changes an image should write a new one. Class
    folders may hold folders and may be in capitals; file names are free. Equal images are reported, and kept.
    """
    from cargostream.labels import CARGO_LABELS
    from data_prepare.files import Limits
    from data_prepare.import_files import entries_of_folder, import_images
    from data_prepare.lists import read_entries

    settings = load_settings()
    store = store or settings.image_store
    if folder.is_file():
        root, entries = root or folder.parent, read_entries(folder)
    elif root:
        raise UsageError("--root goes with a list; for a folder it is the folder itself.")
    else:
        root, entries = folder, entries_of_folder(folder)
    with progress_bar("importing", f"importing {{total}} images into {store}") as progress:
        done = import_images(root, entries, store, name, Limits(settings.image_max_bytes, settings.image_max_pixels),
                             skip=skip_unreadable, report=tell, progress=progress)
    counts = Counter(line.target for line in done.lines)
    classes = {label: counts[target] for target, label in enumerate(CARGO_LABELS)}
    if as_json:
        out.print(msgspec.json.encode({
            "name": name, "list": str(done.listing), "images": len(done.lines), "classes": classes, "ways": done.ways,
            "skipped": [each._asdict() for each in done.unreadable], "duplicates": done.duplicates}).decode())
        return
    for same in done.duplicates[:SHOWN]:
        err.print(f"the same image: {', '.join(same)}", markup=False)
    if len(done.duplicates) > SHOWN:
        err.print(f"and {len(done.duplicates) - SHOWN} more images that are there several times")
    out.print(f"{name}: {len(done.lines)} images, list {done.listing}")
    out.print(", ".join(f"{label} {count}" for label, count in classes.items()))
    out.print(", ".join(f"{count} {way}" for way, count in done.ways.items()))
