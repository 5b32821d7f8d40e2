"""The live view in a terminal, and the same in one line where there is none."""

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dashboards.live import Figures

BAR = 24


def live_view(figures: Figures, rate: float | None, addresses: dict[str, str]) -> RenderableType:
    """The figures as a panel, the class mix as bars, the addresses below. `rate` is in rows/s, None if not known."""
    table = Table.grid(padding=(0, 3))
    for _ in range(4):
        table.add_column(justify="right")
        table.add_column()
    table.add_row("rows in", _bold(_count(figures.rows_in)), "p50", _bold(_ms(figures.p50_ms)),
                  "accuracy", _bold(_share(figures.accuracy)), "rate", _bold(_rate(rate)))
    table.add_row("predicted", _bold(_count(figures.predicted)), "p99", _bold(_ms(figures.p99_ms)),
                  "model", _bold(_model(figures)), "waiting", _bold(_count(figures.waiting)))
    table.add_row("rejected", _bold(_count(figures.rejected)))

    mix = Table.grid(padding=(0, 1))
    most = max((answers for _, answers in figures.class_mix), default=1)
    for label, answers in figures.class_mix:
        mix.add_row(label, Text("█" * max(1, round(BAR * answers / most)), style="cyan"), f"{answers:,}")

    places = Table.grid(padding=(0, 2))
    for name, address in addresses.items():
        places.add_row(name, address)
    return Panel(Group(table, "", mix, "", places), title="cargostream", subtitle="Ctrl-C stops everything",
                 title_align="left", subtitle_align="right", expand=False, padding=(1, 2))


def plain_line(figures: Figures) -> str:
    """The figures in one line, for logs and pipes."""
    return (f"rows in {_count(figures.rows_in)}  predicted {_count(figures.predicted)}  "
            f"rejected {_count(figures.rejected)}  waiting {_count(figures.waiting)}  "
            f"p50 {_ms(figures.p50_ms)}  p99 {_ms(figures.p99_ms)}  accuracy {_share(figures.accuracy)}  "
            f"model {_model(figures)}")


def _bold(text: str) -> Text:
    return Text(text, style="bold")


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}/s"


def _model(figures: Figures) -> str:
    return "–" if figures.model_version is None else f"{figures.model_name} version {figures.model_version}"
