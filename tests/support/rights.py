"""Who may do what on either server: the table that the catalog is held against, and the questions to the catalog."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

Rights = dict[str, dict[str, set[str]]]
"""{"kind object": {role: rights}}"""

READERS = {"dashboard": "SELECT", "operator": "SELECT"}
OPERATOR = {"operator": "EXECUTE"}
RUN = {"dashboard": "EXECUTE", "operator": "EXECUTE"}
INSERTER = READERS | {"operator": "INSERT SELECT"}
KEEPER = READERS | {"operator": "INSERT SELECT UPDATE"}

EVERYWHERE = {
    "database cargostream_source": dict.fromkeys(("writer", "capture", "sink", "dashboard", "operator"), "CONNECT"),
    "database cargostream_target": dict.fromkeys(("sink", "dashboard", "operator"), "CONNECT"),
    "database mlflow": {"mlflow": "CONNECT CREATE TEMPORARY"},
    "table inbox": {"sink": "INSERT"},
    "table refused": {"operator": "SELECT"},
    **{f"column refused.{name}": {"dashboard": "SELECT"}
       for name in ("id", "topic", "partition", "offset", "sqlstate", "reason", "refused_at")},
    **{f"column refused.{name}": {"dashboard": "SELECT", "operator": "UPDATE"}
       for name in ("handled", "handled_at", "handled_by")},
    "function apply_refused(bigint,text)": OPERATOR,
    "table schema_version": {},
    "sequence refused_id_seq": {},
    "function deliver()": {},
    "function deliver_to_nobody()": {},
    "function unbent(jsonb,jsonb)": {},
    "function row_digest(bigint,timestamp with time zone,text,integer,text,text)": OPERATOR,
}

TABLE: dict[str, dict[str, dict[str, str]]] = {
    "source": EVERYWHERE | {
        "schema public": dict.fromkeys(("writer", "capture", "sink", "dashboard", "operator"), "USAGE"),
        "table cargo": READERS | {"writer": "DELETE INSERT SELECT UPDATE", "capture": "SELECT"},
        "sequence cargo_id_seq": {},
        "table ingest_seen": {"operator": "SELECT"},
        "function apply_ingest(text,integer,bigint,jsonb)": {},
        "function refuse_truncate()": {},
        "function keep_contract()": {},
        "function repeat_rows(bigint[])": OPERATOR,
        "function pg_logical_emit_message(boolean,text,text,boolean)": {"capture": "EXECUTE"},
    },
    "target": EVERYWHERE | {
        "schema public": dict.fromkeys(("sink", "dashboard", "operator"), "USAGE"),
        "table cargo": READERS,
        "table cargo_graveyard": {"operator": "SELECT"},
        "table cargo_prediction": READERS,
        "table cargo_prediction_graveyard": {"operator": "SELECT"},
        "table cargo_prediction_history": READERS,
        "table cargo_event": READERS,
        "table cargo_window": INSERTER,
        "table cargo_window_statistic": INSERTER,
        "table topic_epoch": KEEPER,
        "table verify_state": KEEPER,
        "table dead_letter_handled": KEEPER,
        **{f"view {name}": READERS for name in (
            "cargo_accuracy", "cargo_accuracy_minute", "cargo_judged", "cargo_result", "cargo_result_history",
            "cargo_window_accuracy")},
        **{f"function apply_{name}(text,integer,bigint,jsonb)": {} for name in ("cargo", "event", "prediction")},
        "function bury_prediction(cargo_prediction_history)": {},
        "function bury_answered(bigint,integer,integer,bigint,integer)": OPERATOR,
        "function bury_mirrored(bigint,integer,integer,bigint)": OPERATOR,
        "function is_answered(cargo,cargo_prediction)": OPERATOR,
        "function same_answer(cargo_prediction_history,cargo_prediction_history)": {},
        "function cargo_accuracy_since(timestamp with time zone)": RUN,
        "function wilson(bigint,bigint,integer)": RUN,
        "function forget_history(integer)": OPERATOR,
    },
}
"""Every object, and what each role may do with it. PUBLIC may do nothing; what is not stated, nobody may."""

FIND = Path(__file__).with_name("rights.sql").read_text(encoding="utf-8")

VERBS = {
    "SELECT": "SELECT * FROM {} LIMIT 0", "DROP": "DROP {kind} {}", "ALTER": "ALTER {kind} {} RENAME TO mine",
}
OF_TABLES = VERBS | {
    "INSERT": "INSERT INTO {} DEFAULT VALUES", "DELETE": "DELETE FROM {} WHERE false", "TRUNCATE": "TRUNCATE {}",
    "UPDATE": "UPDATE {} SET {column} = {column} WHERE false", "INDEX": "CREATE INDEX mine ON {} ({column})",
    "TRIGGER": "CREATE TRIGGER mine AFTER INSERT ON {} FOR EACH STATEMENT EXECUTE FUNCTION deliver_to_nobody()",
}
DENIED = {"42501", "25006"}
"""insufficient_privilege, and read_only_sql_transaction of a role that is read only besides."""


def ask(admin: Engine, statement: str, before: str = "") -> list[dict[str, Any]]:
    """Rows of a statement, as the superuser; what is done `before` it is undone after it."""
    with admin.connect().execution_options(no_parameters=True) as connection:
        if before:
            connection.exec_driver_sql(before)
        rows = [dict(row) for row in connection.exec_driver_sql(statement).mappings()]
        connection.rollback()
        return rows


def found(admin: Engine) -> Rights:
    """What the catalog says."""
    rights: Rights = defaultdict(lambda: defaultdict(set))
    for row in ask(admin, FIND):
        roles = rights[f"{row['kind']} {row['object']}"]
        if row["role"] != "nobody":
            roles[row["role"].removeprefix("cargostream_")].add(row["right"])
    return {name: dict(roles) for name, roles in rights.items()}


def stated(admin: Engine, server: str) -> Rights:
    """What the table says, of the databases that are on this server."""
    there = {row["name"] for row in ask(admin, "SELECT 'database ' || datname AS name FROM pg_database")}
    return {name: {role: set(rights.split()) for role, rights in roles.items()}
            for name, roles in TABLE[server].items() if not name.startswith("database ") or name in there}


def tried(admin: Engine, role: str, login: Engine, server: str) -> int:
    """Let a role try every verb on every table and view; how many were denied. Nothing of it stays.

    Raises:
        AssertionError: one was denied that is stated, or done that is not.
    """
    columns = ask(admin, """
        SELECT DISTINCT ON (c.oid) CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind,
               c.relname::text AS name, quote_ident(a.attname) AS "column"
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND a.attidentity = ''
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
           AND NOT starts_with(c.relname, 'faults_')  -- the fault cases' own
         ORDER BY c.oid, a.attnum""")
    denied = 0
    for one in columns:
        may = TABLE[server][f"{one['kind']} {one['name']}"].get(role, "").split()
        for verb, statement in (OF_TABLES if one["kind"] == "table" else VERBS).items():
            said = _refused(login, statement.format(one["name"], **one))
            assert (said not in DENIED) == (verb in may), f"{role}, {server}: {verb} on {one['name']}: {said}"
            denied += said in DENIED
    return denied


def _refused(login: Engine, statement: str) -> str | None:
    """The SQLSTATE with which a statement fails, None if it is done; it is undone in any case."""
    with login.connect() as connection:
        try:
            connection.exec_driver_sql(statement)
        except DBAPIError as error:
            return str(getattr(error.orig, "pgcode", error))
        finally:
            connection.rollback()
    return None
