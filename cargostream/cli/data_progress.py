"""A progress bar on a terminal, one line where there is none."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cargostream.cli.output import err


@contextmanager
def progress_bar(doing: str, what: str) -> Iterator[Callable[[int, int], None]]:
    """What is called with (images done, images in all). `doing` stands before the bar; `what`, in which `{total}` is
    the number of images, is the line without a terminal, at the first call."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                  console=err, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(doing, total=None, visible=False)
        told = False

        def progress(done: int, total: int) -> None:
            nonlocal told
            if bar.disable and not told:
                err.print(what.format(total=total))
            told = True
            bar.update(task, completed=done, total=total, visible=True)

        yield progress
