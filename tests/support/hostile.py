"""What somebody who reaches the ports of a stack may try, for tests of one part and for the fault cases."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from cargostream.database import engine
from cargostream.records import SINK_CONNECTOR, SOURCE_CONNECTOR
from cargostream.settings import Settings
from connectors.desired import desired
from connectors.rest import connect
from tests.support.connect import until

PLANTED = "planted"
JNDI = ('com.sun.security.auth.module.JndiLoginModule required user.provider.url="ldap://127.0.0.1:{port}/x" '
        'group.provider.url="x" useFirstPass="true" serviceName="x" debug="true";')
OVERRIDES = {
    "sasl.jaas.config": JNDI.format(port=9), "sasl.mechanism": "PLAIN", "security.protocol": "SASL_PLAINTEXT",
    "bootstrap.servers": "127.0.0.1:9", "interceptor.classes": "x.Y", "metric.reporters": "x.Y",
    "ssl.keystore.location": "/etc/passwd", "sasl.oauthbearer.token.endpoint.url": "file:///etc/passwd",
    "client.id": "x", "key.serializer": "org.apache.kafka.common.serialization.StringSerializer",
    "sasl.login.callback.handler.class":
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
}
CLIENTS = ("producer", "consumer", "admin")
MAKES_TOPICS = {"topic.creation.default.replication.factor": "1", "topic.creation.default.partitions": "1"}
CLASSES = ("java.lang.ProcessBuilder", "org.apache.kafka.connect.file.FileStreamSourceConnector",
           "io.debezium.transforms.Filter")

SOURCES = ("file:///etc/passwd", "/etc/passwd", "../../etc", "FILE:///etc", "file://localhost/etc/passwd",
           "http://127.0.0.1:9/x", "https://localhost/x", "ftp://localhost/x", "sftp://localhost/x",
           "gopher://localhost/", "s3://bucket/x", "dbfs:/x", "mlflow-artifacts:/../../etc",
           "mlflow-artifacts:/%2e%2e/%2e%2e/etc", "mlflow-artifacts://127.0.0.1:9/0/x", "models:/m-123")
LOCATIONS = ("file:///etc", "/etc", "../etc", "http://127.0.0.1:9/x", "s3://bucket/x", "mlflow-artifacts:/../..",
             "mlflow-artifacts:/0/another")
PATHS = ("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%252e%252e/etc/passwd",
         "/etc/passwd", "%2fetc%2fpasswd", "a/%2e%2e/%2e%2e/b")
LED = {"a name that was bound anew to this machine": {"Host": "evil.example"},
       "a page of another site": {"Origin": "http://evil.example"}}


def source_config(settings: Settings, **changes: str) -> dict[str, str]:
    """The source connector's config, for a connector of another name."""
    return desired(settings)[SOURCE_CONNECTOR] | {"slot.name": PLANTED, "topic.prefix": PLANTED} | changes


def sink_config(settings: Settings) -> dict[str, str]:
    """A sink connector's config, for a connector of another name."""
    return desired(settings)[SINK_CONNECTOR]


@contextmanager
def posted(settings: Settings, config: dict[str, str]) -> Iterator[tuple[httpx.Client, httpx.Response]]:
    """A client of Connect and its answer to a new connector; whatever came of it is gone afterwards."""
    with connect(settings) as client:
        answer = client.post("/connectors", json={"name": PLANTED, "config": config}, timeout=60)
        try:
            yield client, answer
        finally:
            if answer.is_success:
                client.delete(f"/connectors/{PLANTED}")
                until(lambda: client.get(f"/connectors/{PLANTED}/status").status_code == 404, "the connector is gone")
                until(lambda: _drop_slot(settings), "its slot is gone")


def _drop_slot(settings: Settings) -> bool:
    admin = engine(settings, "source", "admin")
    try:
        with admin.begin() as connection:
            connection.exec_driver_sql(f"""
                SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
                 WHERE slot_name = '{PLANTED}' AND NOT active""")  # noqa: S608
            left = connection.exec_driver_sql(
                f"SELECT 1 FROM pg_replication_slots WHERE slot_name = '{PLANTED}'").all()  # noqa: S608
            return not left
    finally:
        admin.dispose()


def refuses_override(settings: Settings, whose: str, setting: str) -> None:
    """A connector that chooses this of its client is refused for it."""
    # Connect looks at what a connector's own kind of client takes, and at an admin's where it would make topics.
    config = sink_config(settings) if whose == "consumer" else source_config(settings, **MAKES_TOPICS)
    with posted(settings, config | {f"{whose}.override.{setting}": OVERRIDES[setting]}) as (_, said):
        assert said.status_code == 400, f"{whose}.override.{setting}: {said.status_code} {said.text}"
        assert f"does not allow '{setting}'" in said.text, said.text


def refuses_class(settings: Settings, setting: str, name: str) -> None:
    """A connector with this class there is refused."""
    with posted(settings, source_config(settings, **{setting: name})) as (_, said):
        assert said.status_code in (400, 500), f"{setting}={name}: {said.status_code} {said.text}"


def resolved(settings: Settings, reference: str) -> str:
    """All that Connect says of a config that holds a reference where the answer repeats it."""
    config = source_config(settings, **dict.fromkeys(("database.dbname", "topic.prefix", "snapshot.mode"), reference))
    with connect(settings) as client:
        return client.put("/connector-plugins/PostgresConnector/config/validate", json=config, timeout=60).text


def told(settings: Settings) -> list[str]:
    """Everything that Connect tells of itself and its connectors."""
    with connect(settings) as client:
        said = [client.get(path).text for path in ("/connectors?expand=info&expand=status", "/", "/connector-plugins")]
        return said + [client.get(f"/connectors/{name}{rest}").text for name in desired(settings)
                       for rest in ("", "/config", "/tasks", "/tasks-config", "/status", "/topics", "/offsets")]


def mlflow(uri: str) -> httpx.Client:
    """A client of a registry, to be closed."""
    return httpx.Client(base_url=uri, trust_env=False, timeout=30)


def new_run(client: httpx.Client) -> dict[str, Any]:
    """A run of the default experiment."""
    made = client.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0"})
    return dict(made.raise_for_status().json()["run"]["info"])


def raw(client: httpx.Client, method: str, path: str) -> httpx.Response:
    """A request whose path goes out as it is written."""
    url = client.base_url.copy_with(raw_path=path.encode())
    return client.send(httpx.Request(method, url, content=b"planted" if method == "PUT" else None))


def turns_away(client: httpx.Client, headers: dict[str, str]) -> None:
    """A browser that was led here is refused, and nothing comes of it."""
    said = client.post("/api/2.0/mlflow/registered-models/create", json={"name": "led"}, headers=headers)
    assert said.status_code == 403, said.text
    assert client.get("/api/2.0/mlflow/registered-models/get", params={"name": "led"}).status_code == 404


def refuses_source(client: httpx.Client, run: dict[str, Any], source: str) -> None:
    """No version lies there, be it said to be of a run or not."""
    client.post("/api/2.0/mlflow/registered-models/create", json={"name": "outside"})
    for more in ({}, {"run_id": run["run_id"]}):
        said = client.post("/api/2.0/mlflow/model-versions/create", json={"name": "outside", "source": source} | more)
        assert said.status_code == 400, f"{source}: {said.text}"


def refuses_location(client: httpx.Client, location: str) -> None:
    """No experiment keeps its artifacts there."""
    for api in ("api", "ajax-api"):
        said = client.post(f"/{api}/2.0/mlflow/experiments/create",
                           json={"name": f"{api} {location}", "artifact_location": location})
        assert said.status_code == 400, f"{location}: {said.text}"


def refuses_path(client: httpx.Client, run: dict[str, Any], path: str) -> None:
    """Nothing is read or written there."""
    for method, end in (("GET", ""), ("PUT", "-planted")):
        said = raw(client, method, f"/api/2.0/mlflow-artifacts/artifacts/{path}{end}")
        assert said.status_code in (400, 404), f"{method} {path}: {said.text}"
    for asked in ("/get-artifact", "/api/2.0/mlflow/artifacts/list", "/ajax-api/2.0/mlflow/get-artifact"):
        said = client.get(asked, params={"path": path, "run_uuid": run["run_id"], "run_id": run["run_id"]})
        assert said.status_code in (400, 404), f"{asked} {path}: {said.text}"
    said = client.post("/ajax-api/2.0/mlflow/upload-artifact", content=b"planted",
                       params={"path": f"{path}-planted", "run_uuid": run["run_id"]})
    assert said.status_code in (400, 404), f"upload to {path}: {said.text}"
    assert not Path("/etc/passwd-planted").exists()


def offers_no_programs(client: httpx.Client, elsewhere: Path) -> None:
    """Nobody can have it run something, write files elsewhere or ask other servers."""
    assistant = "/ajax-api/3.0/mlflow/assistant"
    for path, body in ((f"{assistant}/message", {"message": "run id", "experiment_id": "0"}),
                       (f"{assistant}/skills/install", {"type": "custom", "custom_path": str(elsewhere)}),
                       ("/ajax-api/3.0/jobs/", {"job_name": "invoke_scorer", "params": {}}),
                       ("/gateway/any/mlflow/invocations", {"messages": []})):
        said = client.post(path, json=body)
        assert said.status_code in (404, 405), f"{path}: {said.status_code} {said.text[:200]}"
    for path in (f"{assistant}/config", f"{assistant}/providers"):
        assert client.get(path).status_code == 404, path
    assert client.put(f"{assistant}/config", json={"providers": {}}).status_code in (404, 405)
    assert not elsewhere.exists()
