"""The services of the stack, as data. What each needs beside other services is for the caller to add."""

import sys
import time
from dataclasses import replace

from cargostream.database import database_url
from cargostream.errors import CargostreamError
from cargostream.settings import Settings
from compose import kafka, postgres
from compose.parts import Service
from compose.probes import http_ok

OPERATOR = ("CARGOSTREAM_OPERATOR_PASSWORD",)
"""For the parts that ask the databases. The others ask none, or get what they need another way."""
VERIFY_SIGN_S = 180.0
"""A verification that has shown no sign of life for so long hangs: it waits for nothing longer than some seconds."""


def services(settings: Settings) -> list[Service]:
    """Every process of the stack, in the order of its start; making the list writes config files and makes folders."""
    for folder in ("run", "logs", "data"):
        (settings.home / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    return [
        postgres.server(settings, "source", settings.source_port),
        postgres.server(settings, "target", settings.target_port),
        kafka.broker(settings),
        kafka.connect(settings),
        *([] if settings.mlflow_tracking_uri else [mlflow(settings)]),  # else another's server is used
        *(worker(settings, index) for index in range(settings.worker_processes)),
        monitor(settings),
        verify(settings),
    ]


def needing(service: Service, *names: str) -> Service:
    """The service, with more that must be ready before it starts."""
    return replace(service, needs=(*service.needs, *names))


def mlflow(settings: Settings) -> Service:
    """MLflow's tracking server and registry, with its database on the target server."""
    artifacts = settings.home / "data" / "mlflow"
    artifacts.mkdir(parents=True, exist_ok=True)
    url = database_url(settings, "target", "mlflow", database="mlflow").render_as_string(hide_password=False)
    env = {
        "_MLFLOW_SERVER_FILE_STORE": url,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(artifacts),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "4",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }
    # Its start takes longest, costs most and holds nobody up: the others go first.
    argv = ("nice", "-n", "10", sys.executable, "-m", "uvicorn", "compose.mlflow_app:app", "--host", settings.host,
            "--port", str(settings.mlflow_port), "--log-level", "warning", "--no-access-log")

    def ready() -> bool:
        return http_ok(settings.host, settings.mlflow_port, "/health")

    return Service("mlflow", argv, ready, needs=("target",), env=env, cwd=settings.home / "run", deadline=120)


def worker(settings: Settings, index: int) -> Service:
    """One worker process; it is ready when it has partitions to read and a model to serve.

    It takes up to 30 s to answer what is in flight and to leave its group, before which it must not be killed.
    """
    port = settings.worker_port + index

    def ready() -> bool:
        return http_ok(settings.host, port, "/readyz")

    def alive() -> bool:
        if http_ok(settings.host, port, "/livez"):
            return True
        raise CargostreamError(f"worker-{index} made no progress for 30 s while records wait and the broker answers")

    return Service(f"worker-{index}", (sys.executable, "-m", "cargostream", "worker", "--index", str(index)), ready,
                   alive=alive, env={"CARGOSTREAM_HOME": str(settings.home)}, cwd=settings.home / "run", deadline=300,
                   stop_deadline=32)


def monitor(settings: Settings) -> Service:
    """What watches the answers for drift; it is ready when it has looked at them once. Rows do not wait for it."""
    sign = settings.home / "run" / "monitor"
    argv = ("nice", "-n", "15", sys.executable, "-m", "cargostream", "monitor")
    return Service("monitor", argv, sign.exists, env={"CARGOSTREAM_HOME": str(settings.home)},
                   secrets=OPERATOR, prepare=lambda: sign.unlink(missing_ok=True), cwd=settings.home / "run",
                   deadline=120)


def verify(settings: Settings) -> Service:
    """What compares source, mirror and predictions, and repairs; it is ready when it has looked at the source once.
    Rows do not wait for it."""
    sign = settings.home / "run" / "verify"
    argv = ("nice", "-n", "15", sys.executable, "-m", "cargostream", "verify", "--watch", "--repair")

    def alive() -> bool:
        return time.time() - sign.stat().st_mtime < VERIFY_SIGN_S

    return Service("verify", argv, sign.exists, alive=alive, env={"CARGOSTREAM_HOME": str(settings.home)},
                   secrets=OPERATOR, prepare=lambda: sign.unlink(missing_ok=True), cwd=settings.home / "run",
                   deadline=120)
