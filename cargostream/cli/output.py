"""Where words go: results on standard output, messages on standard error."""

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
