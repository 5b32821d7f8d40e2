"""Commands of this part."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
