"""Config files from the templates in `compose/config`, whose `${…}` are filled in."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template


def template(name: str, values: Mapping[str, object]) -> str:
    """The template's text; a value that is missing is an error."""
    return Template(files("compose.config").joinpath(name).read_text(encoding="utf-8")).substitute(
        {key: str(value) for key, value in values.items()})


def render(name: str, folder: Path, values: Mapping[str, object]) -> Path:
    """Write the filled template into `folder` and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(template(name, values), encoding="utf-8")
    return file
