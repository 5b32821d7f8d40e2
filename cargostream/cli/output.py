"""Where words go: results on standard output, messages on standard error."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from cargostream.visible import visible


class _Console(Console):
    """Logs, rows, records and reasons quote what anybody wrote: none of it acts on the terminal that shows it."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text, keep="\n\t"), **options)


out = _Console(highlight=False, soft_wrap=True)
err = _Console(stderr=True, highlight=False, soft_wrap=True)


def columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Results below their names, one line each however long it gets: a script, or a narrow window, cuts nothing."""
    lines = [names, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        out.print("  ".join(words.ljust(width) for words, width in zip(line, widths, strict=True)).rstrip(),
                  markup=False)
