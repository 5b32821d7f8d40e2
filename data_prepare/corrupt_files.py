"""Folders of images, spoiled: each file under its own name in another folder, and a manifest of what was done."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from cargostream.errors import CargostreamError, Rejection, UsageError
from data_prepare.corrupt import check_type
from data_prepare.files import Limits, Unreadable, read_image, refuse_unreadable
from data_prepare.lists import write_lines
from data_prepare.parallel import in_processes
from data_prepare.spoil import Damage, spoil

MANIFEST = "corruptions.jsonl"
LOT = 16

Progress = Callable[[int, int], None]


def corrupt_files(root: Path, paths: Sequence[str], output: Path, name: str, severity: int, seed: int, limits: Limits,
                  *, skip: bool = False, report: Callable[[Unreadable], None] | None = None,
                  progress: Progress | None = None) -> tuple[list[Damage], list[Unreadable]]:
    """Spoil `root/path` into `output/path` for each path; what was done, and the images that were left out.

    `output` appears when it is complete, with MANIFEST, one `Damage` a line in the order of `paths`.

    Raises:
        UsageError: no such kind or severity, or `output` is there already or within `root`.
        CargostreamError: there are images that cannot be used and `skip` is false, or all are such.
    """
    check_type(name, severity)
    _check_output(root, output)
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        damages, unreadable, done = [], [], 0
        lots = [(root, list(paths[start:start + LOT]), partial, name, severity, seed, limits)
                for start in range(0, len(paths), LOT)]
        for lot in in_processes(_corrupt_lot, lots):
            damages += [each for each in lot if isinstance(each, Damage)]
            unreadable += [each for each in lot if isinstance(each, Unreadable)]
            done += len(lot)
            if progress:
                progress(done, len(paths))
        refuse_unreadable(unreadable, len(paths), skip, report)
        write_lines(partial / MANIFEST, damages)
        partial.rename(output)
    except OSError as error:
        raise CargostreamError(f"The spoiled images cannot be written to {output}: {error.strerror}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return damages, unreadable


def _check_output(root: Path, output: Path) -> None:
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"{output} is there already; name a folder that is not, nothing is overwritten.")
    if output.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{output} lies within the images that are read, {root}; name a folder beside it.")


def _corrupt_lot(root: Path, paths: list[str], output: Path, name: str, severity: int, seed: int,
                 limits: Limits) -> list[Damage | Unreadable]:
    done: list[Damage | Unreadable] = []
    for path in paths:
        try:
            data, damage = spoil(read_image(root / path, limits), path, name, severity, seed)
        except Rejection as rejection:
            done.append(Unreadable(path, str(rejection)))
            continue
        (output / path).parent.mkdir(parents=True, exist_ok=True)
        (output / path).write_bytes(data)
        done.append(damage)
    return done
