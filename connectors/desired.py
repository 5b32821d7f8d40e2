"""The connectors as they should be: one JSON file each, with `@{…}` for what the settings know.

`${file:…}` references stay as they are: Connect resolves them itself, so no secret passes through here.
"""

import json
from importlib.resources import files
from string import Template

from cargostream.records import INGEST_CONNECTOR, SINK_CONNECTOR, SOURCE_CONNECTOR
from cargostream.settings import Settings

CONNECTORS = (SOURCE_CONNECTOR, SINK_CONNECTOR, INGEST_CONNECTOR)


class _Placeholders(Template):
    delimiter = "@"


def desired(settings: Settings) -> dict[str, dict[str, str]]:
    """{name: config} of every connector of this project."""
    values = {
        "host": settings.host, "home": str(settings.home),
        "source_port": settings.source_port, "source_database": settings.source_database,
        "target_port": settings.target_port, "target_database": settings.target_database,
    }
    found = {}
    for name in CONNECTORS:
        config = json.loads(files("connectors.files").joinpath(f"{name}.json").read_text(encoding="utf-8"))
        found[name] = {key: _Placeholders(value).substitute(values) for key, value in config.items()}
    return found
