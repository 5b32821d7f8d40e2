"""What grew in a soak, and its report. Pure: from samples to sentences."""

from statistics import median
from typing import Any

ALLOWED, SLACK_MB, SLACK_FDS = 1.1, 15.0, 15
"""A part has grown when the median of its last third is over that of its second by a tenth and so much more: 20 minutes
apart in an hour. Parts that faults hit are of all ages in both. The first third is for warming up."""

HELD_MB = 256.0
"""The slot may hold so much log at the median of the last third: four segments of 64 MB at most are usual."""


def thirds(samples: list[dict[str, Any]], part: str, what: str) -> tuple[float, float] | None:
    """Medians of a part's second and last third; None where there are too few samples."""
    values = [sample["parts"][part][what] for sample in samples if part in sample["parts"]]
    third = len(values) // 3
    return (median(values[third:2 * third]), median(values[2 * third:])) if third > 3 else None


def grown(samples: list[dict[str, Any]]) -> list[str]:
    """What grew, a sentence each."""
    found = []
    for part in _parts(samples):
        for what, slack in (("mb", SLACK_MB), ("fds", SLACK_FDS)):
            medians = thirds(samples, part, what)
            if medians and medians[1] > medians[0] * ALLOWED + slack:
                found.append(f"{part} grew from {medians[0]:.0f} to {medians[1]:.0f} {what}")
    held = [sample["wal_mb"] for sample in samples if "wal_mb" in sample]
    if held and (last := median(held[len(held) * 2 // 3:])) > HELD_MB:
        found.append(f"the slot holds {last:.0f} MB of log")
    return found


def markdown(report: dict[str, Any]) -> str:
    """The report, for people."""
    samples, faults, n = report["samples"], report["faults"], report["figures"]
    options = " ".join(f"--{name} {report[name]:g}" for name in ("minutes", "seed", "rate"))
    lines = [
        f"# Soak: {report['minutes']:.0f} min, {len(faults)} faults, {n.get('rows', 0):,} rows at the end", "",
        f"`python -m tests.faults.soak {options}`, {report['about']}.", "",
        f"Violations: **{len(report['violations'])}**", *(f"- {each}" for each in report["violations"][:50]), "",
        f"{n.get('predicted', 0):,} predicted, {n.get('rejected', 0):,} rejected; {n.get('repeats', 0):,} repeats in "
        "the topic, which are harmless. Memory counts each shared page by its share.", "",
        "| part | memory, MB: second third | last third | descriptors: second third | last third |",
        "|---|---|---|---|---|"]
    for part in _parts(samples):
        mb, fds = thirds(samples, part, "mb"), thirds(samples, part, "fds")
        if mb and fds:
            lines.append(f"| {part} | {mb[0]:.0f} | {mb[1]:.0f} | {fds[0]:.0f} | {fds[1]:.0f} |")
    held = [sample["wal_mb"] for sample in samples if "wal_mb" in sample] or [0.0]
    lines += ["", f"Log that the slot holds: {max(held):.0f} MB at most, {held[-1]:.0f} MB at the end.", "",
              "| fault | times | in flight | whole again, s: median | longest |", "|---|---|---|---|---|"]
    for name in sorted({one["name"] for one in faults}):
        times = [one["whole_s"] for one in faults if one["name"] == name]
        flying = [one["in_flight"] for one in faults if one["name"] == name]
        lines.append(f"| {name} | {len(times)} | {min(flying)}-{max(flying)} | {median(times):.1f} | "
                     f"{max(times):.1f} |")
    return "\n".join(lines) + "\n"


def _parts(samples: list[dict[str, Any]]) -> list[str]:
    return sorted({part for sample in samples for part in sample["parts"]})
