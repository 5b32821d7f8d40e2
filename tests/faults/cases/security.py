"""F1-F14: what somebody may try who reaches the stack's ports, its tables or its registry."""

import json
import os
import re
import secrets
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg2
import pytest
from confluent_kafka import Producer
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from benchmarks.stack import Stack
from cargostream.database import engine
from cargostream.errors import CargostreamError
from cargostream.records import INGEST_TOPIC
from cargostream.settings import CLONE
from connectors.schema import ROLES, apply_schema
from tests.faults import watching
from tests.faults.bench import Bench
from tests.faults.case import NEEDS, case, not_run
from tests.faults.inputs import same_worker, traced
from tests.faults.stacks import own_stack
from tests.support import hostile, rights
from tests.support.registry import Registry

ADVISORIES = "https://api.osv.dev/v1/vulns/GHSA-whj4-6x5x-4v2j"
PASSWORDS = ("admin", "writer", "capture", "sink", "dashboard", "operator", "mlflow")
LOOKS = re.compile(r"\b(open|openat2?|[lf]?stat|newfstatat|statx|access|faccessat2?|readlink|readlinkat)\(")
WRITES = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)")
FORGED = "2026-01-01T00:00:00.000Z FORGED"
NASTY = f"a.jpg\n{FORGED}\r\x1b[2J\x1b]0;title\x07\x9b31m\u202egpj\u2028\u00e9"
INJECTIONS = (
    "'); DROP TABLE cargo;--", "\"; DELETE FROM cargo; --", "$$; DROP TABLE cargo_prediction; $$", "%s%n%(x)s", "$(id)",
    "`id`", "{{7*7}}", "${7*7}", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "\\'; SELECT pg_sleep(9); --", ":x")


@case("F1", "every socket of every process of the stack, and the machine's other addresses",
      "nothing listens but on loopback, IPv4 and IPv6")
def ports(bench: Bench) -> str:
    settings = bench.settings
    found = watching.listening(bench.stack)
    wanted = {getattr(settings, f"{name}_port") for name in (
        "source", "target", "kafka", "controller", "connect", "mlflow", "worker")}
    assert wanted <= {port for _, port in found}, f"not all ports of the stack were seen: {found}"
    outside = {at: name for at, name in found.items() if not watching.is_loopback(at[0])}
    assert not outside, f"open to others: {outside}"
    assert not (answering := watching.open_from_outside({port for _, port in found})), answering
    return f"{len(found)} sockets of {len(watching.processes(bench.stack))} processes listen, all on loopback"


@case("F2", "new connectors with JAAS/JNDI, other brokers, interceptors, foreign classes, references to other files",
      "each refused; no file but the connectors' own passwords can be referred to")
def connector_configs(bench: Bench) -> str:
    settings = bench.settings
    for whose in hostile.CLIENTS:
        for setting in hostile.OVERRIDES:
            hostile.refuses_override(settings, whose, setting)
    kinds = ("connector.class", "key.converter", "transforms.unwrap.type")
    for kind in kinds:
        for name in hostile.CLASSES:
            hostile.refuses_class(settings, kind, name)
    admin, folder = settings.admin_password.get_secret_value(), settings.home / "secrets"
    references = ("/etc/passwd:x", "/etc/os-release:NAME", f"{folder}/cargostream_admin_password:{admin}",
                  f"{folder}/connect.properties/../cargostream_admin_password:{admin}")
    for reference in references:
        said = hostile.resolved(settings, f"${{file:{reference}}}").replace(reference, "")
        assert admin not in said, reference
        assert "GNU/Linux" not in said, reference
    count = len(hostile.CLIENTS) * len(hostile.OVERRIDES)
    return (f"{count} overrides and {len(kinds) * len(hostile.CLASSES)} classes refused, {len(references)} references "
            f"to other files not resolved")


@case("F3", "GET of everything that Connect tells", "`${file:…}` references only")
def connect_tells(bench: Bench) -> str:
    said = hostile.told(bench.settings)
    for role in PASSWORDS:
        password = getattr(bench.settings, f"{role}_password").get_secret_value()
        assert not [one for one in said if password in one], f"the password of {role}"
    shown = sum(one.count("${file:") for one in said)
    assert shown >= 6, said
    return f"{len(said)} answers hold {shown} references and no password"


@contextmanager
def _with_canaries() -> Iterator[Stack]:
    """A stack whose passwords are given by the environment, and are like nothing else."""
    canaries = {f"CARGOSTREAM_{role.upper()}_PASSWORD": f"canary-{role}-{secrets.token_hex(8)}" for role in PASSWORDS}
    before = dict(os.environ)
    os.environ.update(canaries)
    try:
        with own_stack() as stack:
            yield stack
    finally:
        for name in canaries:
            os.environ.pop(name)
        os.environ.update({name: value for name, value in before.items() if name in canaries})


@case("F4", "known passwords in the environment; wrong password, failing sink, target killed, MLflow killed, refused "
      "connector; then logs, topics, answers, files, `ps`, others' environments and the commands' output are searched",
      "no password stands anywhere but in `secrets/`, in files of mode 0600", faults=2, stack=_with_canaries,
      timeout_s=900)
def canaries(bench: Bench) -> str:
    settings = bench.settings
    values = {role: getattr(settings, f"{role}_password").get_secret_value() for role in PASSWORDS}
    assert all(value.startswith(f"canary-{role}-") for role, value in values.items())
    bench.load(400)
    bench.inject("kill -9 target", lambda: bench.services.kill("target"))
    bench.inject("kill -9 mlflow", lambda: bench.services.kill("mlflow"), at_once=True)
    wrong = settings.model_copy(update={"sink_password": SecretStr(values["operator"])})
    with pytest.raises(OperationalError):
        engine(wrong, "source", "sink").connect()
    with hostile.posted(settings, hostile.source_config(settings, **{"database.password": "${file:/etc/passwd:x}"})):
        pass
    bench.until("the target is back", lambda: bench.missing() is None, 180)
    # The sink's sessions are cut and its password is another for a while: its tasks fail and tell why.
    bench.admin("target", "ALTER ROLE cargostream_sink PASSWORD 'another'", """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cargostream_sink'""")
    bench.write([("../while the sink cannot", None)])
    bench.expect("../while the sink cannot", None, "path_not_allowed")
    bench.until("a sink task failed", lambda: "FAILED" in str(hostile.told(settings)), 180)
    apply_schema(settings)
    said = bench.verdict()
    places = 0
    for place, content in watching.exposed(bench.stack):
        places += 1
        for role, value in values.items():
            assert value.encode() not in content, f"the password of {role} stands in {place}"
    assert places > 100, f"only {places} places were looked at"
    loose = [file for file in bench.stack.home.joinpath("secrets").rglob("*")
             if file.is_file() and stat.S_IMODE(file.stat().st_mode) != 0o600]
    closed = [name for name in ("secrets", "run", "logs", "data")
              if stat.S_IMODE((bench.stack.home / name).stat().st_mode) != 0o700]
    assert not loose, f"readable by others: {loose}"
    assert not closed, f"folders open to others: {closed}"
    return f"{len(values)} passwords looked for in {places} places, found in none; {said}"


@case("F5", "every role tries every verb on every table and view; the catalogs are held against the stated rights",
      "all denied but what is stated; nobody owns, nobody is mighty")
def verbs(bench: Bench) -> str:
    settings, denied = bench.settings, 0
    for server in rights.TABLE:
        admin = engine(settings, server, "admin")
        found = {name: roles for name, roles in rights.found(admin).items() if "faults_" not in name}
        assert found == rights.stated(admin, server), server
        for role in ROLES[server]:
            if role != "mlflow":
                login = engine(settings, server, role)
                denied += rights.tried(admin, role, login, server)
                login.dispose()
        admin.dispose()
    return f"{denied} attempts denied, every other one is stated"


@case("F6", "the sink role tries to read the source, and the capture role to copy the whole server", "denied")
def sink_reads(bench: Bench) -> str:
    settings = bench.settings
    login = engine(settings, "source", "sink")
    statements = ("SELECT * FROM cargo", "SELECT * FROM inbox", "TABLE refused", "COPY cargo TO STDOUT",
                  "SELECT pg_read_file('/etc/passwd')", "COPY inbox FROM '/etc/passwd'", "COPY cargo TO PROGRAM 'id'",
                  "INSERT INTO inbox SELECT 'x', 0, 0, null FROM cargo",
                  "INSERT INTO inbox VALUES ('x', 0, 0) RETURNING *", "SELECT lo_import('/etc/passwd')",
                  "SELECT query_to_xml('SELECT * FROM cargo', true, false, '')",
                  "SELECT pg_logical_emit_message(true, 'x', 'y')", "CREATE TEMPORARY TABLE mine ()")
    for statement in statements:
        with login.connect() as connection, pytest.raises(DBAPIError) as error:
            connection.exec_driver_sql(statement)
        assert error.value.orig.pgcode == "42501", f"{statement}: {error.value.orig}"  # type: ignore[union-attr]
    for database, role in (("postgres", "sink"), ("template1", "writer")):
        with pytest.raises(DBAPIError, match="permission denied for database"):
            engine(settings, "source", role, database).connect()
    with pytest.raises(psycopg2.OperationalError, match=r"no pg_hba\.conf entry for replication"):
        psycopg2.connect(host=settings.host, port=settings.source_port, user="cargostream_capture", replication=True,
                         password=settings.capture_password.get_secret_value())
    login.dispose()
    return f"{len(statements)} statements, 2 other databases and a physical copy denied"


not_run("F7", "Grafana: anonymous, viewer, data source", "401/302, cannot edit, cannot write",
        "there are no dashboards yet")


@case("F8", "a load with URLs and links among its paths; the worker's connections and system calls watched",
      "it talks to broker and registry only, and makes, changes and removes nothing in the image store", faults=1,
      needs=("strace",))
def worker_stays_home(bench: Bench) -> str:
    settings, worker = bench.settings, bench.services.process("worker-0")
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0)
        port = canary.getsockname()[1]
        with watching.destinations(worker) as found, same_worker(bench), traced(
                worker.pid, "-y", "-e", "trace=%file,fchmod,fchown,fsetxattr,ftruncate,fallocate") as trace:
            bench.load(500)
            paths = [f"http://127.0.0.1:{port}/a.jpg", f"//127.0.0.1:{port}/a.jpg", f"gopher://127.0.0.1:{port}/",
                     "file:///etc/passwd", "s3://bucket/a.jpg", f"\\\\127.0.0.1@{port}\\a.jpg", "/etc/passwd"]
            for path in paths:
                bench.expect(path, None, "path_not_allowed")
            bench.inject("URLs as paths", lambda: bench.write([(path, None) for path in paths]))
            seen = bench.verdict()
        with pytest.raises(BlockingIOError):
            canary.accept()
    inbound = {at for at in found if at[1] not in (settings.kafka_port, settings.mlflow_port)}
    own = {settings.worker_port}
    strangers = {at for at in inbound if not watching.is_loopback(at[0]) or not _asks_us(bench, at[1], own)}
    assert (settings.host, settings.kafka_port) in found, found
    assert not strangers, f"the worker talked to {strangers}"
    store = str(settings.image_store.resolve())
    inside = [line for line in trace.lines if store in line]
    assert len(inside) >= 400, f"the trace saw only {len(inside)} calls in the image store"
    changing = [line for line in inside if not LOOKS.search(line) or WRITES.search(line)]
    assert not changing, f"the store was touched: {changing[:3]}"
    return (f"it talked to the broker and the registry only; {len(paths)} URLs asked nobody; {len(inside)} system "
            f"calls in the image store, none that changes anything; as a container (no root, read-only root) it comes "
            f"with the images; {seen}")


def _asks_us(bench: Bench, port: int, own: set[int]) -> bool:
    """Whether a port at the other end is that of somebody who asks the worker how it is: not one that listens."""
    return port not in {listening for _, listening in watching.listening(bench.stack)} - own


@case("F9", "versions and experiments outside the registry, paths that climb, foreign pages, a pickle as champion",
      "each refused; the pickle is never loaded, by the worker or by `model promote`")
def registry(bench: Bench) -> str:
    settings = bench.settings
    with hostile.mlflow(settings.tracking_uri) as client:
        run = hostile.new_run(client)
        for headers in hostile.LED.values():
            hostile.turns_away(client, headers)
        for source in hostile.SOURCES:
            hostile.refuses_source(client, run, source)
        for location in hostile.LOCATIONS:
            hostile.refuses_location(client, location)
        for path in hostile.PATHS:
            hostile.refuses_path(client, run, path)
        hostile.offers_no_programs(client, bench.stack.home / "elsewhere")
        client.post("/api/2.0/mlflow/registered-models/delete", json={"name": "outside"})
    return (f"{len(hostile.SOURCES)} sources, {len(hostile.LOCATIONS)} locations, {len(hostile.PATHS)} paths and "
            f"{len(hostile.LED)} led browsers refused; no assistant, jobs or gateway; {_pickle(bench)}; writing "
            f"without a password is answered 401 in the containers' stack, which comes later")


def _pickle(bench: Bench) -> str:
    settings, canary = bench.settings, Path(bench.stack.home, "canary")
    folder = bench.stack.home / "pickled"
    folder.mkdir()
    order = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()
    for name in ("model.pkl", "python_model.pkl", "manifest.json", "model.onnx", "golden.npz", "reference.npz"):
        (folder / name).write_bytes(order)
    (folder / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n")
    served = bench.services.health(0)["model_version"]
    version = Registry(folder, settings.mlflow_port).add(settings.model_name, folder, None)
    with pytest.raises(CargostreamError, match=r"must not serve|cannot be read|unusable"):
        bench.stack.run("model", "promote", str(version))
    bench.stack.name(version)
    bench.until("the worker refuses it", lambda: bench.services.health(0)["champion"]["problem"], 120)
    assert bench.services.health(0)["model_version"] == served
    bench.stack.name(served)
    bench.until("the champion is confirmed", lambda: not bench.services.health(0)["champion"]["problem"], 120)
    assert not canary.exists(), "the pickle was loaded"
    return f"a pickle was refused by `model promote` and by the worker, which went on with version {served}"


@case("F10", "every lock", "each package pinned by digest")
def locks(bench: Bench) -> str:
    checked = subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/unit/test_locks.py"], cwd=CLONE,
                             capture_output=True, text=True, timeout=120, check=False)
    assert checked.returncode == 0, checked.stdout[-2000:]
    return f"all locks pinned by digest: {checked.stdout.splitlines()[-1]}"


def _advisories_answer() -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(ADVISORIES, timeout=10).status_code < 500
    return False


NEEDS["a way to the advisories at api.osv.dev"] = _advisories_answer


@case("F10b", "the advisories about what the locks name", "no known vulnerability",
      needs=("a way to the advisories at api.osv.dev",))
def dependencies(bench: Bench) -> str:
    audited = subprocess.run(["make", "-s", "audit"], cwd=CLONE, capture_output=True, text=True, timeout=300,
                             check=False)
    words = f"{audited.stdout}\n{audited.stderr}".strip()
    assert audited.returncode == 0, words[-3000:]
    return words.splitlines()[-1]


not_run("F11", "images of containers", "named by digest", "there are no container files yet; a test waits for them")


@case("F12", "line breaks, terminal controls and marks of direction in paths, keys, record values, database and user "
      "names", "one record, one line, in every log; nothing that acts on a terminal, where the text is ours to write")
def log_lines(bench: Bench) -> str:
    settings = bench.settings
    bench.expect(NASTY, None, "path_not_allowed")
    (answered,) = bench.write([(NASTY, None)])
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    record = {"ingest_key": NASTY[:150], "image_path": NASTY}
    for each in (record, record | {"target": 1}, record | {"target": NASTY}, {"ingest_key": NASTY, NASTY: NASTY}):
        producer.produce(INGEST_TOPIC, json.dumps(each).encode(), NASTY.encode())
    assert producer.flush(30) == 0
    for user, database in ((NASTY, "cargostream_source"), ("cargostream_writer", NASTY)):
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(host=settings.host, port=settings.source_port, user=user, dbname=database,
                             password=settings.writer_password.get_secret_value(), application_name=NASTY)
    with pytest.raises(DBAPIError), bench.pipeline.source.begin() as connection:
        connection.execute(text("SELECT CAST(:nasty AS int)"), {"nasty": NASTY})
    bench.pipeline.await_answers([answered])
    bench.until("the refusals", lambda: _refused(bench) >= 2)
    lines = {file.name: file.read_bytes().decode(errors="replace").split("\n")
             for file in (bench.stack.home / "logs").glob("*.log")}
    forged = [name for name, each in lines.items() for line in each if line.startswith(FORGED)]
    assert not forged, f"lines forged in {forged}"
    ours = ("worker-0.log", "supervisor.log", "monitor.log", "verify.log", "connect.log", "kafka.log")
    acting = [f"{name}: {line!r}" for name in ours for line in lines.get(name, ())
              if any(sign in line for sign in "\x1b\x07\x9b\u202e")]
    assert not acting, acting[:5]
    shown = bench.stack.run("logs", "-n", "500") + bench.stack.run("logs", "source", "-n", "500")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    count = sum(map(len, lines.values()))
    return f"{count:,} lines of {len(lines)} logs, none forged; `cargostream logs` shows escapes"


def _refused(bench: Bench) -> int:
    operator = engine(bench.settings, "source", "operator")
    try:
        return len(rights.ask(operator, """
            SELECT 1 FROM refused WHERE topic = 'cargo-ingest' AND convert_from(payload, 'UTF8') LIKE '%FORGED%'"""))
    finally:
        operator.dispose()


@case("F13", "SQL, templates, shell, `${file:…}` and `${jndi:…}` in paths and keys",
      "stored letter by letter in source, mirror and prediction; nobody expands or runs them")
def injections(bench: Bench) -> str:
    settings = bench.settings
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0)
        port = canary.getsockname()[1]
        texts = [*INJECTIONS, f"${{jndi:ldap://127.0.0.1:{port}/x}}", "${env:PATH}", "${sys:user.home}",
                 f"${{file:{settings.home}/secrets/connect.properties:sink.password}}", "${file:/etc/os-release:NAME}"]
        for each in texts:
            bench.expect(each, None, "path_not_allowed")
        ids = bench.write([(each, None) for each in texts])
        producer = Producer({"bootstrap.servers": settings.bootstrap})
        keys = [f"F13 {each}" for each in texts]
        for key, each in zip(keys, texts, strict=True):
            bench.expect(f"{each} ", None, "path_not_allowed")
            producer.produce(INGEST_TOPIC, json.dumps({"ingest_key": key, "image_path": f"{each} "}).encode())
        assert producer.flush(30) == 0
        bench.until("the keys in the source", lambda: bench.count_keys(keys) == len(keys))
        answers = bench.pipeline.await_answers(ids)
        assert [answers[one].image_path for one in ids] == texts
        mirror = bench.pipeline.ask("SELECT image_path, ingest_key FROM cargo WHERE ingest_key = ANY(:keys)", keys=keys)
        said = bench.verdict(minimum=len(ids))
        mirror = bench.pipeline.ask("SELECT image_path, ingest_key FROM cargo WHERE ingest_key = ANY(:keys)", keys=keys)
        assert {(row.ingest_key, row.image_path) for row in mirror} == {
            (key, f"{each} ") for key, each in zip(keys, texts, strict=True)}
        with pytest.raises(BlockingIOError):
            canary.accept()
    return f"{len(texts)} texts as paths and as keys came through letter by letter; {said}"


@case("F14", "new passwords for writer, capture, sink and operator: stop, write the files, start, rows on their way",
      "the old ones are refused, the new ones work, no row is lost", faults=1, own_stack=True)
def rotation(bench: Bench) -> str:
    rotated = ("writer", "capture", "sink", "operator")
    old = bench.settings
    bench.load(600, burst=1)
    bench.inject("down with rows on their way", lambda: bench.stack.run("down"))
    for role in rotated:
        (bench.stack.home / "secrets" / f"cargostream_{role}_password").write_text(secrets.token_urlsafe(24))
    bench.stack.run("up")
    new = bench.stack.settings
    for server in ("source", "target"):
        for role in set(rotated) & set(ROLES[server]):
            with pytest.raises(DBAPIError, match="password authentication failed"):
                engine(old, server, role).connect()
            engine(new, server, role).connect().close()
    bench.settings = bench.pipeline.settings = new
    bench.pipeline.source, bench.pipeline.target = engine(new, "source", "writer"), engine(new, "target", "operator")
    return f"{len(rotated)} passwords changed; {bench.verdict()}"
