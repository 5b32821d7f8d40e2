"""What `status` says of models, in words: who serves and who was kept from it, how often they are right, and drift."""

from typing import Any

Lines = list[tuple[str, str]]


def seats(worker: dict[str, Any]) -> Lines:
    """Of a worker's own answer: the challenger that it predicts by, what keeps an alias's version from service, how
    often that has happened, and whether the registry can be asked."""
    lines: Lines = []
    for alias in ("champion", "challenger"):
        seat = worker.get(alias) or {}
        serves, counts, problem = seat.get("version"), seat.get("counts") or {}, seat.get("problem")
        often = ", ".join(f"{counts[kind]:,} {kind}" for kind in ("refused", "unavailable") if counts.get(kind))
        if alias == "challenger" and serves:
            lines.append((alias, f"version {serves} predicts in shadow"))
        if alias == "champion" and serves and not seat.get("confirmed"):
            lines.append((alias, f"version {serves} is unconfirmed: the registry has not yet said that it is champion"))
        if problem:
            lines.append((alias, f"kept from service: {problem}" + (f" ({often})" if often else "")))
        elif often:
            lines.append((alias, f"kept from service before: {often}"))
    return lines + _registry(worker)


def _registry(worker: dict[str, Any]) -> Lines:
    state, failures = worker.get("registry"), worker.get("registry_failures", 0)
    if state is None or (state == "reachable" and not failures):
        return []
    lost = f" (lost {failures:,} {'time' if failures == 1 else 'times'} since the worker began)" if failures else ""
    return [("registry", f"{state}{lost}")]


def model_lines(found: dict[str, Any]) -> Lines:
    """Of what `read_status` found: running accuracy of the version that serves, and the state of drift."""
    lines = []
    if accuracy := found.get("accuracy"):
        lines.append(("accuracy", f"version {accuracy['model_version']}, newest {accuracy['predicted']:,} answers: "
                      f"{_measured(accuracy)}; its confidence promises {_share(accuracy, 'estimate', 'estimated_')}"))
    if drift := found.get("drift"):
        lines.append(("drift", _drift(drift)))
    if untested := found.get("untested"):
        lines.append(("drift", f"answers of version {', '.join(map(str, untested))} wait to be tested: "
                      "`cargostream logs monitor` tells why"))
    return lines


def _measured(accuracy: dict[str, Any]) -> str:
    if not accuracy["labelled"]:
        return "none has a label"
    return f"{_share(accuracy, 'accuracy')} right of {accuracy['labelled']:,} with a label"


def _share(accuracy: dict[str, Any], bounds: str, prefix: str = "") -> str:
    low, high = accuracy[f"{bounds}_low"], accuracy[f"{bounds}_high"]
    band = "error not known" if low is None else f"{low:.1%} to {high:.1%}"
    return f"{accuracy[f'{prefix}accuracy']:.1%} ({band})"


def _drift(drift: dict[str, Any]) -> str:
    version = f"version {drift['model_version']}"
    if drift["since"] is None:
        if drift["p_value"] is None:
            return f"not tested: {version} brings no reference"
        return (f"none up to {drift['at']}: {version} knows such rows (p = {drift['p_value']:.2g}, alarm below "
                f"{drift['threshold']:.1g})")
    moved = ", ".join(f"{one['statistic']} {one['reference_mean']:.3g} → {one['mean']:.3g}"
                      for one in (drift["moved"] or [])[:3])
    damage = f"looks like {drift['looks_like']} ({drift['sure']:.0%} sure)" if drift["looks_like"] else \
        "looks like no known damage"
    return f"ALARM since {drift['since']}: {version} does not know such rows; {moved}; {damage}"
