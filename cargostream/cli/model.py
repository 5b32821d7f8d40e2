"""`cargostream model train|register|list`."""

import json
from pathlib import Path

import typer
from rich.table import Table

from cargostream.cli.model_train import in_words, train
from cargostream.cli.output import err, out
from cargostream.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Train models, and see and fill the registry that the worker follows.")
app.command()(train)


@app.command("register")
def register_folder(
    folder: Path = typer.Argument(..., help="Artifact folder: model.onnx, manifest.json, golden.npz."),
    as_json: bool = typer.Option(False, "--json", help="The result as one JSON object."),
) -> None:
    """Check an artifact as serving does and register it; it becomes champion if there is none.

    Registering the same artifact again changes nothing.
    """
    from model_registry.register import register as register_artifact

    settings = load_settings()
    result = register_artifact(settings, folder)
    if as_json:
        out.print_json(json.dumps({"version": result.version, "new": result.new, "champion": result.champion}))
    else:
        out.print(in_words(settings.model_name, result))


@app.command("list")
def list_versions(as_json: bool = typer.Option(False, "--json", help="One JSON array.")) -> None:
    """Show the registered versions, the newest first, with their aliases and figures."""
    from model_registry.mlflow_rest import versions_of

    settings = load_settings()
    versions = versions_of(settings.tracking_uri, settings.model_name)
    if as_json:
        out.print_json(json.dumps([
            {"version": v.version, "aliases": list(v.aliases), "tags": v.tags} for v in versions]))
        return
    if not versions:
        err.print(f"The registry has no version of {settings.model_name}; `cargostream model register FOLDER` adds "
                  f"one.")
        return
    table = Table("version", "alias", "name", "accuracy", "digest", box=None)
    for v in versions:
        accuracy = next((f"{float(value):.3f} ({key.removesuffix(' accuracy')})" for key, value in v.tags.items()
                         if key.endswith(" accuracy") and "forest" not in key), "")
        table.add_row(str(v.version), ", ".join(v.aliases), v.tags.get("name", ""), accuracy,
                      v.tags.get("digest", "")[:12])
    out.print(table)


def register(root: typer.Typer) -> None:
    """Add `model` to the root."""
    root.add_typer(app, name="model")
