"""`cargostream model`: what there is to do with models, each idea in a module of its own; registering is here."""

import json
from pathlib import Path

import typer

from cargostream.cli.model_compare import compare
from cargostream.cli.model_promote import challenge, promote, rollback
from cargostream.cli.model_show import list_versions, show
from cargostream.cli.model_train import in_words, train
from cargostream.cli.output import out
from cargostream.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Train models, and see and fill the registry that the worker follows.")
app.command()(train)
app.command()(compare)


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


app.command("list")(list_versions)
app.command()(show)
app.command()(promote)
app.command()(rollback)
app.command()(challenge)


def register(root: typer.Typer) -> None:
    """Add `model` to the root."""
    root.add_typer(app, name="model")
