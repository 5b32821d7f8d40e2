"""Records, SQL and connector files say the same, without a service to say it."""

import json
import re
from importlib.resources import files
from types import NoneType, UnionType
from typing import Literal, get_args, get_origin, get_type_hints

import msgspec

from cargostream import records
from cargostream.records import Event, IngestRecord, Prediction, SourceRow
from connectors.desired import CONNECTORS
from connectors.schema import sql_files
from connectors.topics import DATA_TOPICS

COLUMN = re.compile(r'^  "?([a-z_0-9]+)"? +([a-z]+(?:\[\])?)', re.MULTILINE)
TYPES = {int: {"bigint", "int"}, float: {"real"}, str: {"text", "timestamptz"}, list[float]: {"real[]"}}
TIMES = {"timestamp", "committed_at", "received_at", "predicted_at", "at"}


def columns(server, table):
    """{column: type} as the `.sql` files declare them."""
    pattern = re.compile(rf"CREATE TABLE IF NOT EXISTS {table} \((.*?)^\);", re.DOTALL | re.MULTILINE)
    (body,) = (found[1] for _, text in sql_files(server) if (found := pattern.search(text)))
    own = dict(COLUMN.findall(body))
    return columns(server, inherited[1]) | own if (inherited := re.search(r"LIKE (\w+)", body)) else own


def fields(struct):
    """{name on the wire: its Python type, without None}."""
    hints = get_type_hints(struct)
    return {field.encode_name: kind(hints[field.name]) for field in msgspec.structs.fields(struct)}


def kind(hint):
    if get_origin(hint) is UnionType:
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    return str if get_origin(hint) is Literal else hint


def assert_same(struct_fields, table_columns):
    assert struct_fields.keys() == table_columns.keys()
    for name, python_type in struct_fields.items():
        assert table_columns[name] in TYPES[python_type], name
        assert (table_columns[name] == "timestamptz") == (name in TIMES), name


def test_predictions_and_their_columns():
    kept = columns("target", "cargo_prediction")
    assert_same({name: kind for name, kind in fields(Prediction).items() if name != "purpose"},
                {name: kind for name, kind in kept.items() if name != "stored_at"})


def test_history_and_its_columns():
    kept = columns("target", "cargo_prediction_history")
    assert_same(fields(Prediction),
                {name: kind for name, kind in kept.items() if name not in ("stored_at", "redelivered", "conflicts")})


def test_source_rows_and_the_source_table():
    row = {name: kind for name, kind in fields(SourceRow).items() if not name.startswith("__")}
    assert_same(row, columns("source", "cargo"))


def test_columns_that_users_add_stay_at_home():
    """One of some megabytes would be more than a record may have, and stop the capture for ever."""
    config = json.loads((files("connectors") / "files" / "postgres-source-connector.json").read_text())
    (names,) = re.fullmatch(r"public\\\.cargo\\\.\(([a-z_0-9|]+)\)", config["column.include.list"]).groups()
    assert set(names.split("|")) == columns("source", "cargo").keys()


def test_the_mirror_has_the_source_tables_columns():
    source, mirror = columns("source", "cargo"), columns("target", "cargo")
    assert {name: mirror.get(name) for name in source} == source


def test_ingest_records_and_the_source_table():
    kept = columns("source", "cargo")
    assert_same(fields(IngestRecord), {name: kind for name, kind in kept.items() if name != "id"})


def test_events_and_their_columns():
    kept = columns("target", "cargo_event")
    assert_same(fields(Event), {name: kind for name, kind in kept.items()
                                if name not in ("partition", "offset", "stored_at")})


def test_what_debezium_adds_is_what_the_worker_reads():
    config = json.loads(files("connectors.files").joinpath("postgres-source-connector.json").read_text())
    added = {"__" + name.removeprefix("source.").replace(".", "_") if name.startswith("before.")
             else "__" + name.replace(".", "_") for name in config["transforms.unwrap.add.fields"].split(",")}
    assert config["transforms.unwrap.delete.tombstone.handling.mode"] == "rewrite"
    assert added | {"__deleted"} == {name for name in fields(SourceRow) if name.startswith("__")}


def test_only_the_apply_functions_know_the_topics():
    topic = re.compile(r"NEW\.__connect_topic = '([\w-]+)'")
    taken = {server: {name for _, text in sql_files(server) for name in topic.findall(text)}
             for server in ("source", "target")}
    assert taken["source"] == {records.INGEST_TOPIC}
    assert taken["target"] == {records.SOURCE_TOPIC, records.PREDICTIONS_TOPIC, records.EVENTS_TOPIC}


def test_sinks_read_the_topics_that_are_applied_and_reset():
    for name in CONNECTORS[1:]:
        config = json.loads(files("connectors.files").joinpath(f"{name}.json").read_text())
        topics = set(config["topics"].split(","))
        assert topics <= set(DATA_TOPICS)
        assert topics == set(records.READER_GROUPS[f"connect-{name}"])
