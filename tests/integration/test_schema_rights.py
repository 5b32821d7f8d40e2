"""Every right that anybody has on either server, read from the catalog and held against `tests/support/rights.py`.

Whoever adds a table, a view, a sequence or a function adds it there, with who may do what; what is not stated is a
right that nobody may have.
"""

import pytest

from connectors.schema import ROLES
from tests.support.rights import FIND, TABLE, ask, found, stated, tried


@pytest.fixture
def admin(databases):
    return lambda server: databases.engine(server, "admin")


@pytest.mark.parametrize("server", TABLE)
def test_nobody_has_a_right_that_is_not_stated(admin, server):
    assert found(admin(server)) == stated(admin(server), server)


@pytest.mark.parametrize(("server", "role"), [
    (server, role) for server in TABLE for role in ROLES[server] if role != "mlflow"])
def test_a_role_can_do_what_is_stated_and_nothing_else(databases, admin, server, role):
    assert tried(admin(server), role, databases.engine(server, role), server) > 30


@pytest.mark.parametrize("server", TABLE)
def test_no_role_is_more_than_it_must_be(admin, server):
    roles = ask(admin(server), """
        SELECT rolname::text AS name, rolcanlogin, rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls AS mighty,
               rolreplication FROM pg_roles WHERE rolname !~ '^pg_'""")
    names = {row["name"] for row in roles}
    assert {f"cargostream_{role}" for role in ROLES[server]} | {"cargostream_owner", "postgres"} <= names
    assert {row["name"] for row in roles if row["mighty"]} == {"postgres"}
    assert {row["name"] for row in roles if row["rolreplication"]} <= {"postgres", "cargostream_capture"}
    assert {row["name"] for row in roles if not row["rolcanlogin"]} == {"cargostream_owner"}


@pytest.mark.parametrize("server", TABLE)
def test_everything_belongs_to_the_role_that_nobody_can_be(admin, server):
    owners = ask(admin(server), """
        SELECT DISTINCT pg_get_userbyid(owner)::text AS name FROM (
          SELECT relowner FROM pg_class WHERE relnamespace = 'public'::regnamespace
          UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            AND prorettype <> 'event_trigger'::regtype -- it runs in the superuser's name, so nobody else may change it
          UNION ALL SELECT typowner FROM pg_type WHERE typnamespace = 'public'::regnamespace
          UNION ALL SELECT pubowner FROM pg_publication
        ) AS objects (owner)""")
    assert [row["name"] for row in owners] == ["cargostream_owner"]
    owned = ask(admin(server), """
        SELECT r.rolname::text AS name FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
         WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o'""")
    assert {row["name"] for row in owned} <= {"cargostream_owner", "cargostream_mlflow"}


@pytest.mark.parametrize("server", TABLE)
def test_what_runs_as_the_owner_looks_names_up_where_nobody_else_can_put_them(admin, server):
    functions = ask(admin(server), """
        SELECT oid::regprocedure::text AS name, proconfig FROM pg_proc
         WHERE prosecdef AND pronamespace = 'public'::regnamespace""")
    assert "deliver()" in {row["name"] for row in functions}
    for row in functions:
        assert row["proconfig"] == ["search_path=public, pg_temp"], row["name"]


@pytest.mark.parametrize("server", TABLE)
def test_triggers_are_those_of_the_files(admin, server):
    """They run in the name of whoever writes."""
    triggers = ask(admin(server), """
        SELECT tgrelid::regclass::text || '.' || tgname AS name FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT evtname::text FROM pg_event_trigger""")
    assert {row["name"] for row in triggers} == {
        "source": {"cargo.refuse_truncate", "inbox.apply_ingest", "inbox.zz_nobody", "keep_contract"},
        "target": {"inbox.apply_cargo", "inbox.apply_prediction", "inbox.apply_event", "inbox.zz_nobody"},
    }[server]


def test_the_publication_holds_one_table_and_is_not_the_capturers(admin):
    published = ask(admin("source"), """
        SELECT p.pubname::text AS name, pg_get_userbyid(p.pubowner)::text AS owner, p.puballtables,
               t.schemaname || '.' || t.tablename AS "table"
          FROM pg_publication p LEFT JOIN pg_publication_tables t USING (pubname)""")
    assert published == [{"name": "cargostream", "owner": "cargostream_owner", "puballtables": False,
                          "table": "public.cargo"}]


def test_a_right_that_is_not_stated_would_be_noticed(admin):
    """The table is worth something only if it can fail."""
    known = ask(admin("target"), FIND)
    now = ask(admin("target"), FIND, before="""
        CREATE TABLE smuggled (); GRANT SELECT ON smuggled TO PUBLIC; GRANT cargostream_operator TO cargostream_sink;
        GRANT UPDATE (payload) ON inbox TO cargostream_sink;
        CREATE FUNCTION smuggled() RETURNS int LANGUAGE sql AS 'SELECT 1'""")
    assert {(row["role"], row["right"], row["kind"], row["object"]) for row in now if row not in known} == {
        ("nobody", "", "table", "smuggled"), ("PUBLIC", "SELECT", "table", "smuggled"),
        ("cargostream_sink", "UPDATE", "column", "inbox.payload"),
        ("cargostream_sink", "MEMBER", "role", "cargostream_operator"),
        ("nobody", "", "function", "smuggled()"), ("PUBLIC", "EXECUTE", "function", "smuggled()")}
