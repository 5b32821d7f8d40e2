"""`cargostream model list|show`."""

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from cargostream.cli.model_tables import figures_table, share
from cargostream.cli.output import err, out
from cargostream.records import CHAMPION
from cargostream.settings import load_settings

if TYPE_CHECKING:
    from model_registry.mlflow_rest import Version

TOLD = {"promoted_at": "promoted at", "promoted_over": "promoted over version", "lost_to": "lost to version",
        "rolled_back_at": "rolled back at", "rolled_back_to": "rolled back to version"}
"""Tags about a version's life, in words."""


def list_versions(as_json: bool = typer.Option(False, "--json", help="One JSON array.")) -> None:
    """Show the registered versions, the newest first, with their aliases and figures."""
    from model_registry.mlflow_rest import versions_of

    settings = load_settings()
    versions = versions_of(settings.tracking_uri, settings.model_name)
    if as_json:
        out.print_json(json.dumps([
            {"version": v.version, "aliases": list(v.aliases), "tags": holding(v)} for v in versions]))
        return
    if not versions:
        err.print(f"The registry has no version of {settings.model_name}; `cargostream model register FOLDER` adds "
                  f"one.")
        return
    figures = {v.version: figures_of(v.tags) for v in versions}
    sets = sorted({name for by_set in figures.values() for name, found in by_set.items() if "accuracy" in found})
    table = Table("version", "alias", "name", *sets, "digest", box=None)
    for v in versions:
        table.add_row(str(v.version), ", ".join(v.aliases), v.tags.get("name", ""),
                      *(_accuracy(figures[v.version].get(name, {})) for name in sets), v.tags.get("digest", "")[:12])
    out.print(table)


def show(
    version: str = typer.Argument("champion", help="Number of the registered version, or an alias."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Show all about a version: figures by set and class with intervals, how it was trained, whom it took over from."""
    from model_registry.mlflow_rest import find_version, run_of, versions_of

    settings = load_settings()
    found = find_version(versions_of(settings.tracking_uri, settings.model_name), settings.model_name, version)
    parameters, metrics = run_of(settings.tracking_uri, found)
    by_set = figures_of(found.tags)
    if as_json:
        out.print_json(json.dumps({
            "version": found.version, "aliases": list(found.aliases), "tags": holding(found), "figures": by_set,
            "training": parameters, "metrics": metrics}))
        return
    _about(found, settings.model_name)
    if by_set:
        out.print(figures_table(by_set))
    if parameters:
        _pairs("training", parameters)


def figures_of(tags: dict[str, str]) -> dict[str, dict[str, float]]:
    """The figures among a version's tags, by image set, then by name; a set has an `accuracy`."""
    sets = sorted({key.removesuffix(" accuracy") for key in tags
                   if key.endswith(" accuracy") and not key.endswith(" forest accuracy")}, key=len, reverse=True)
    found: dict[str, dict[str, float]] = {name: {} for name in sorted(sets)}
    for key, value in tags.items():
        if name := next((name for name in sets if key.startswith(f"{name} ")), None):
            with suppress(ValueError):  # a tag of somebody else's
                found[name][key.removeprefix(f"{name} ")] = float(value)
    return found


def holding(version: "Version") -> dict[str, str]:
    """The version's tags, less those about its life that do not hold: a promotion that was cut off, half done, leaves
    some of them."""
    if CHAMPION in version.aliases:
        untrue = {"lost_to", "rolled_back_at", "rolled_back_to"}
    else:
        untrue = set() if version.tags.keys() & {"lost_to", "rolled_back_at"} else {"promoted_at", "promoted_over"}
    return {key: value for key, value in version.tags.items() if key not in untrue}


def _accuracy(found: dict[str, float]) -> str:
    if "accuracy low" in found:
        return share((found["accuracy"], found["accuracy low"], found["accuracy high"]))
    return f"{found['accuracy']:.3f}" if "accuracy" in found else ""


def _about(version: "Version", model: str) -> None:
    known, life = figures_of(version.tags), holding(version)
    rest = {key: value for key, value in version.tags.items()
            if key not in TOLD and not any(key.startswith(f"{name} ") for name in known)}
    _pairs(f"{model} version {version.version}", {
        "aliases": ", ".join(version.aliases) or "none",
        **{words: life[key] for key, words in TOLD.items() if key in life}, **rest})


def _pairs(title: str, pairs: dict[str, str]) -> None:
    """One line each, whole however narrow the terminal: digests and commands are copied from here."""
    width = max(len(key) for key in pairs)
    out.print(f"[bold]{title}[/]")
    for key, value in pairs.items():
        out.print(f"  {key:{width}}  {value}", markup=False)
