"""What was measured of models, as tables for people."""

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from model_registry.judge import Comparison

Share = tuple[float, float, float]
"""A share and the two ends of its interval."""


def comparison_table(compared: "Comparison") -> Table:
    """Both versions side by side, on each day's set and in service."""
    versions = [version for version in (compared.champion, compared.candidate)
                if any(version in by_version for by_version in compared.figures.values())]
    table = Table("", *(f"{'candidate' if version == compared.candidate else 'champion'} {version}"
                        for version in versions), box=None)
    for day, by_version in compared.figures.items():
        found = [by_version[version] for version in versions if version is not None]
        table.add_row(f"[bold]{day}[/] ({found[0].n:,} images)")
        table.add_row("  right", *(share((one.accuracy, one.low, one.high)) for one in found))
        for label in found[0].recall:
            table.add_row(f"  {label} found", *(share(one.recall[label]) for one in found))
        table.add_row("  calibration error", *(f"{one.ece:.3f}" for one in found))
    if compared.live and compared.live.pairs and len(versions) == 2:
        table.add_row(f"[bold]in service[/] ({compared.live.pairs:,} rows answered by both)")
        table.add_row("  right", share(compared.live.champion), share(compared.live.candidate))
    return table


def gates_table(compared: "Comparison") -> Table:
    """Each gate's verdict, and why."""
    table = Table("gate", "", "", box=None)
    for gate in compared.gates:
        table.add_row(gate.name, "[green]passed[/]" if gate.passed else "[bold red]refused[/]", gate.words)
    return table


def figures_table(by_set: dict[str, dict[str, float]]) -> Table:
    """Figures by image set and by name, as registered versions carry them (see `model_registry.evaluate.named`)."""
    names = dict.fromkeys(name for by_name in by_set.values() for name in by_name
                          if not name.endswith((" low", " high")))
    table = Table("", *by_set, box=None)
    for name in names:
        table.add_row(name, *(_cell(by_name, name) for by_name in by_set.values()))
    return table


def share(value: Share) -> str:
    """A share with its interval, `0.972 (0.964–0.978)`."""
    return f"{value[0]:.3f} ({value[1]:.3f}–{value[2]:.3f})"


def _cell(by_name: dict[str, float], name: str) -> str:
    if name not in by_name:
        return ""
    if f"{name} low" in by_name:
        return share((by_name[name], by_name[f"{name} low"], by_name[f"{name} high"]))
    return f"{by_name[name]:,.0f}" if name == "images" else f"{by_name[name]:.3f}"
