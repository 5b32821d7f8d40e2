"""The figures as a page for people."""

from collections.abc import Iterable
from typing import Any


def _table(title: str, header: tuple[str, ...], rows: Iterable[Iterable[object]]) -> list[str]:
    lines = [header, ("---",) * len(header), *rows]
    return [f"## {title}", "", *("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines), ""]


def _runs(values: list[float], digits: int) -> str:
    return ", ".join(f"{value:.{digits}f}" for value in values)


def markdown(figures: dict[str, Any]) -> str:
    """The report in Markdown; parts that were not measured are left out."""
    host = figures["machine"]
    lines = [
        "# Measured figures", "",
        f"{figures['at']}, {host['cpu']} ({host['instructions']}), {host['cores']} cores, {host['memory_gib']} GiB, "
        f"{host['system']}, Python {host['python']}. Made by `make bench`; everything in one run.", ""]
    if start := figures.get("warm_start"):
        lines += _table("Warm start", ("until", "median (s)", "runs"), (
            (words, f"{start[name]['median']:.1f}", _runs(start[name]["runs"], 1))
            for name, words in (("flowing_s", "rows can flow"), ("ready_s", "every part is ready"))))
    if delays := figures.get("latency"):
        lines += _table("Row to stored prediction (ms)", ("model", "rows/s", "rows", "p50", "p90", "p99"), (
            (name, run["rate"], run["rows"], run["p50_ms"], run["p90_ms"], run["p99_ms"])
            for name, run in delays.items()))
    if bulk := figures.get("bulk"):
        lines += _table(
            "Rows in one transaction, against decode and model alone",
            ("model", "rows", "pipeline (rows/s)", "bare loop (images/s)", "ratio, median", "ratio, runs", "wrong"),
            ((name, run["rows"], f"{run['median_pipeline_per_s']:.0f}", f"{run['median_bare_loop_per_s']:.0f}",
              f"**{run['median_ratio']:.2f}**", _runs(run["ratio"], 2), run["wrong"]) for name, run in bulk.items()))
    if idle := figures.get("idle"):
        sizes = sorted(idle["pss_mb_by_process"].items(), key=lambda entry: -entry[1])
        lines += _table(
            f"Idle, all parts together: {idle['pss_mb']} MB (PSS), {idle['cpu_of_one_core']:.1%} of one core",
            ("process", "PSS (MB)"), ((f"`{name}`", f"{size:.0f}") for name, size in sizes))
    return "\n".join(lines)
