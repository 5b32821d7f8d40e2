"""The schema is safe to apply at every start, and each role can do its work and nothing else."""

import threading
import time

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cargostream.database import engine
from cargostream.records import DEAD_LETTER_TOPIC, REPLAY_TOPIC
from connectors.schema import ROLES, apply_schema
from connectors.topics import DATA_TOPICS

ROW = "INSERT INTO cargo (image_path) VALUES ('a.jpg')"
RECORD = "INSERT INTO inbox VALUES ('cargo-ingest', 0, 1, '{\"ingest_key\": \"roles\", \"image_path\": \"a.jpg\"}')"

MAY = {
    ("source", "writer"): [
        ROW, "SELECT * FROM cargo", "UPDATE cargo SET target = 1", "DELETE FROM cargo WHERE id = 0",
        "INSERT INTO cargo (image_path, ingest_key) VALUES ('a.jpg', 'roles-1') ON CONFLICT DO NOTHING RETURNING id"],
    ("source", "capture"): [
        "SELECT * FROM cargo", "SELECT pg_logical_emit_message(false, 'cargostream-heartbeat', '')"],
    ("source", "sink"): [RECORD],
    ("source", "dashboard"): [
        "SELECT * FROM cargo", "SELECT topic, reason FROM refused", "SELECT wal_status FROM pg_replication_slots",
        "SELECT pg_current_wal_lsn()"],
    ("source", "operator"): ["SELECT * FROM cargo", "SELECT * FROM refused", "SELECT * FROM ingest_seen",
                             "UPDATE refused SET handled = 'dismissed' WHERE id = 0"],
    ("target", "sink"): [RECORD.replace("cargo-ingest", "cargo-predictions")],
    ("target", "dashboard"): [
        "SELECT * FROM cargo", "SELECT * FROM cargo_prediction", "SELECT * FROM cargo_prediction_history",
        "SELECT * FROM cargo_event", "SELECT * FROM cargo_result", "SELECT * FROM cargo_result_history",
        "SELECT topic, reason FROM refused", "SELECT * FROM topic_epoch"],
    ("target", "operator"): [
        "SELECT * FROM cargo_prediction", "SELECT * FROM refused", "SELECT * FROM cargo_graveyard",
        "SELECT forget_history(365)", "UPDATE topic_epoch SET epoch = epoch",
        "UPDATE refused SET handled = 'dismissed' WHERE id = 0",
        "INSERT INTO dead_letter_handled VALUES (1, 0, 0, 'dismissed', now(), 'me') ON CONFLICT DO NOTHING"],
}

MAY_NOT = {
    ("source", "writer"): [
        "TRUNCATE cargo", "DROP TABLE cargo", "ALTER TABLE cargo ADD more int", "INSERT INTO inbox VALUES ('t', 0, 0)",
        "SELECT * FROM refused", "SELECT * FROM ingest_seen", "DROP PUBLICATION cargostream",
        "SELECT pg_logical_emit_message(true, 'a', 'b')", "SELECT lo_create(0)"],
    ("source", "capture"): [
        ROW, "UPDATE cargo SET target = 1", "DELETE FROM cargo", "TRUNCATE cargo", "SELECT * FROM refused",
        "ALTER PUBLICATION cargostream ADD TABLE refused", "DROP PUBLICATION cargostream", "CREATE TABLE mine ()",
        "CREATE PUBLICATION mine", "INSERT INTO inbox VALUES ('t', 0, 0)"],
    ("source", "sink"): [
        "SELECT * FROM cargo", ROW, "SELECT * FROM inbox", "DELETE FROM inbox", "UPDATE inbox SET payload = null",
        "TRUNCATE inbox", "SELECT * FROM refused", "SELECT apply_ingest('t', 0, 0, '{}')", "SELECT deliver()",
        "SELECT lo_from_bytea(0, '')"],
    ("source", "dashboard"): [ROW, "UPDATE cargo SET target = 1", "DELETE FROM cargo", "SELECT payload FROM refused",
                              "SELECT pg_logical_emit_message(false, 'cargostream-heartbeat', '')"],
    ("source", "operator"): [ROW, "DELETE FROM cargo", "INSERT INTO inbox VALUES ('t', 0, 0)", "TRUNCATE cargo"],
    ("target", "sink"): [
        "SELECT * FROM cargo", "SELECT * FROM cargo_prediction", "INSERT INTO cargo_prediction (source_id) VALUES (1)",
        "DELETE FROM cargo_prediction", "SELECT * FROM inbox", "SELECT * FROM topic_epoch",
        "UPDATE topic_epoch SET epoch = 9", "SELECT forget_history(0)", "SELECT apply_prediction('t', 0, 0, '{}')",
        "SELECT apply_refused(0, 'me')"],
    ("target", "dashboard"): [
        "DELETE FROM cargo_prediction", "UPDATE cargo_prediction SET label = 'wood'", "SELECT payload FROM refused",
        "SELECT forget_history(0)", "SELECT apply_refused(0, 'me')", "CREATE TABLE mine ()",
        "CREATE TEMPORARY TABLE mine ()",
        "SET default_transaction_read_only = off; DELETE FROM cargo_prediction"],
    ("target", "operator"): [
        "DELETE FROM cargo_prediction", "DELETE FROM cargo", "INSERT INTO inbox VALUES ('t', 0, 0)",
        "DELETE FROM topic_epoch", "DROP TABLE cargo", "UPDATE refused SET payload = null", "DELETE FROM refused",
        "DELETE FROM dead_letter_handled"],
}


def cases(table):
    return [pytest.param(*login, statement, id=f"{'-'.join(login)}: {statement}")
            for login, statements in table.items() for statement in statements]


@pytest.mark.parametrize(("server", "role", "statement"), cases(MAY))
def test_a_role_can_do_its_work(databases, server, role, statement):
    databases.query(server, statement, role)


@pytest.mark.parametrize(("server", "role", "statement"), cases(MAY_NOT))
def test_a_role_can_do_nothing_else(databases, server, role, statement):
    with databases.engine(server, role).connect() as connection:
        with pytest.raises(DBAPIError) as error:
            connection.exec_driver_sql(statement)
        assert error.value.orig.pgcode in {"42501", "25006"}, error.value


@pytest.mark.parametrize(("server", "role", "database"), [
    ("target", "mlflow", None), ("target", "sink", "mlflow"), ("target", "dashboard", "mlflow"),
    ("target", "writer", None), ("target", "capture", None),
    ("source", "writer", "postgres"), ("source", "sink", "postgres"), ("target", "dashboard", "template1"),
    ("target", "mlflow", "postgres")])
def test_a_role_cannot_enter_other_databases(databases, server, role, database):
    stranger = engine(databases.settings, server, role, database)
    with pytest.raises(DBAPIError, match="permission denied for database"):
        stranger.connect()
    stranger.dispose()


def test_mlflow_can_make_tables_in_its_own_database(databases):
    mlflow = engine(databases.settings, "target", "mlflow", "mlflow")
    with mlflow.begin() as connection:
        connection.execute(text("CREATE TABLE experiments (id int)"))
        connection.execute(text("DROP TABLE experiments"))
    mlflow.dispose()


def test_no_login_owns_anything(databases):
    for server in ROLES:
        owners = databases.query(server, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
        assert [row["tableowner"] for row in owners] == ["cargostream_owner"]
        logins = databases.query(server, "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'cargostream_owner'")
        assert not logins[0]["rolcanlogin"]


def test_even_the_superuser_does_not_truncate_by_accident(databases):
    with databases.engine("source", "admin").connect() as connection, \
            pytest.raises(DBAPIError, match="TRUNCATE of cargo is refused"):
        connection.execute(text("TRUNCATE cargo"))


@pytest.mark.parametrize("change", [
    "DROP COLUMN image_path", "RENAME image_path TO photo", "ALTER image_path DROP NOT NULL", "RENAME TO freight",
    "DROP COLUMN sha256", "REPLICA IDENTITY DEFAULT"])
def test_a_change_that_would_cost_the_predictions_is_refused(databases, change):
    with databases.engine("source", "admin").connect() as connection, \
            pytest.raises(DBAPIError, match="this change of cargo is refused: its predictions need"):
        connection.execute(text(f"ALTER TABLE cargo {change}"))


def test_the_table_itself_is_not_dropped_by_accident_and_other_changes_are_let_through(databases):
    with databases.engine("source", "admin").connect() as connection:
        with pytest.raises(DBAPIError, match="this change of cargo is refused"), connection.begin_nested():
            connection.execute(text("DROP TABLE cargo"))
        for change in ("ADD note text", "ADD weight int NOT NULL DEFAULT 1", "ALTER image_path TYPE varchar(600)",
                       "ALTER id TYPE int", "ALTER id TYPE bigint"):
            connection.execute(text(f"ALTER TABLE cargo {change}"))
        connection.rollback()


@pytest.mark.parametrize(("columns", "constraint"), [
    ("image_path = ' \t'", "path_is_not_blank"),
    ("image_path = ''", "path_is_not_blank"),
    ("image_path = repeat('x', 513)", "path_is_at_most_512_long"),
    ("image_path = NULL", "not-null"),
    ("target = 5", "class_is_known"),
    ("target = -1", "class_is_known"),
    ("sha256 = 'ABC'", "digest_is_64_hex_digits"),
    ("ingest_key = ''", "key_is_at_most_200_long"),
    ("ingest_key = repeat('k', 201)", "key_is_at_most_200_long"),
    ("\"timestamp\" = 'infinity'", "time_is_finite"),
    ("\"timestamp\" = '12026-01-01 00:00Z'", "time_is_finite"),
    ("\"timestamp\" = '0044-03-15 00:00Z BC'", "time_is_finite"),
])
def test_rows_that_cannot_be_are_refused(databases, columns, constraint):
    with databases.engine("source", "writer").connect() as connection:
        (made,) = connection.execute(text("INSERT INTO cargo (image_path) VALUES ('a.jpg') RETURNING id"))
        with pytest.raises(DBAPIError, match=constraint):
            connection.exec_driver_sql(f"UPDATE cargo SET {columns} WHERE id = {made.id}")  # noqa: S608


def test_applying_again_changes_nothing_and_is_quick(databases):
    read = "SELECT applied_at FROM schema_version"
    before = databases.query("target", read, "admin")
    started = time.monotonic()
    apply_schema(databases.settings)
    assert time.monotonic() - started < 2
    assert databases.query("target", read, "admin") == before


def test_files_are_idempotent(databases):
    """As after an update of the files: all of them again, over tables that hold rows."""
    databases.query("source", ROW, "writer")
    count = "SELECT count(*) AS rows FROM cargo"
    before = databases.query("source", count)
    for server in ROLES:
        databases.query(server, "UPDATE schema_version SET digest = 'older'", "admin")
    apply_schema(databases.settings)
    assert databases.query("source", count) == before
    for server in ROLES:
        assert databases.query(server, "SELECT digest FROM schema_version", "admin")[0]["digest"] != "older"


def test_two_starts_at_once(databases):
    for server in ROLES:
        databases.query(server, "UPDATE schema_version SET digest = 'older'", "admin")
    failures = []

    def start():
        try:
            apply_schema(databases.settings)
        except Exception as error:
            failures.append(error)

    starts = [threading.Thread(target=start) for _ in range(3)]
    for thread in starts:
        thread.start()
    for thread in starts:
        thread.join(timeout=60)
    assert failures == []


def test_a_changed_password_counts_from_the_next_start(databases):
    changed = databases.settings.model_copy(update={"dashboard_password": SecretStr("another one")})
    apply_schema(changed)
    try:
        fresh = engine(changed, "target", "dashboard")
        with fresh.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        fresh.dispose()
    finally:
        apply_schema(databases.settings)


def test_passwords_stay_out_of_the_servers_log(postgres, databases):
    """The test's server logs every statement; verifiers are kept out of it as well."""
    assert "CREATE OR REPLACE FUNCTION deliver()" in postgres.log
    assert "SCRAM-SHA-256$" not in postgres.log
    for role in {role for roles in ROLES.values() for role in roles}:
        assert getattr(databases.settings, f"{role}_password").get_secret_value() not in postgres.log


def test_capture_may_follow_the_log(databases):
    """As Debezium does: a slot of its own over the publication, made and dropped again."""
    databases.query("source", "SELECT pg_create_logical_replication_slot('probe', 'pgoutput')", "capture")
    databases.query("source", ROW, "writer")
    changes = "SELECT count(*) AS changes FROM pg_logical_slot_get_binary_changes(" \
              "'probe', NULL, NULL, 'proto_version', '1', 'publication_names', 'cargostream')"
    try:
        assert databases.query("source", changes, "capture")[0]["changes"] >= 3
    finally:
        databases.query("source", "SELECT pg_drop_replication_slot('probe')", "capture")


def test_every_data_topic_has_someone_who_applies_it(databases):
    applied = "SELECT pg_get_triggerdef(oid) AS definition FROM pg_trigger WHERE tgrelid = 'inbox'::regclass"
    definitions = " ".join(row["definition"] for server in ROLES for row in databases.query(server, applied))
    for topic in set(DATA_TOPICS) - {DEAD_LETTER_TOPIC, REPLAY_TOPIC}:
        assert f"'{topic}'" in definitions
