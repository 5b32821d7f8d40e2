"""Whoever reaches Connect's interface gets no more of the machine than its two plugins need; and no role of the source
can stop the capture."""

import json
import socket

import pytest

from connectors.rest import connect
from tests.support.connect import until
from tests.support.hostile import (
    CLASSES,
    CLIENTS,
    JNDI,
    OVERRIDES,
    PLANTED,
    posted,
    refuses_class,
    refuses_override,
    resolved,
    source_config,
    told,
)
from tests.support.kafka import read_all


@pytest.mark.parametrize("setting", OVERRIDES)
def test_a_connector_cannot_choose_how_its_clients_connect(settings, connectors, setting):
    for whose in CLIENTS:
        refuses_override(settings, whose, setting)


@pytest.mark.parametrize("setting", ["connector.class", "transforms.unwrap.type", "key.converter", "value.converter"])
def test_only_classes_that_are_for_it_are_taken(settings, connectors, setting):
    for name in CLASSES:
        refuses_class(settings, setting, name)


def test_there_are_no_plugins_but_those_needed(settings, connectors):
    with connect(settings) as client:
        found = {each["class"].rsplit(".", 1)[1] for each in client.get("/connector-plugins").json()}
    assert found == {"PostgresConnector", "JdbcSinkConnector"}


def test_no_file_is_read_but_the_one_made_for_it(settings, connectors):
    secrets = settings.home / "secrets"
    for file in (secrets / "other.properties", settings.home / "beside.properties"):
        file.write_text("key=canary-7391\n")
    for reference in (f"{secrets}/other.properties:key", f"{settings.home}/beside.properties:key",
                      f"{secrets}/../beside.properties:key", f"{secrets}/connect.properties/../other.properties:key"):
        assert "canary-7391" not in resolved(settings, f"${{file:{reference}}}"), reference
    assert "GNU/Linux" not in resolved(settings, "${file:/etc/os-release:NAME}")
    for provider in ("env", "directory", "dir"):
        assert "/usr/bin" not in resolved(settings, f"${{{provider}:PATH}}")


def test_what_it_tells_of_its_connectors_holds_references_only(settings, connectors):
    said = told(settings)
    for password in (settings.capture_password.get_secret_value(), settings.sink_password.get_secret_value()):
        assert len(password) > 20
        assert not [text for text in said if password in text]
    assert sum("${file:" in text for text in said) >= 3


def test_nobody_can_make_it_log_what_it_is_given(settings, connectors):
    with connect(settings) as client:
        assert client.get("/admin/loggers").status_code == 404
        assert client.put("/admin/loggers/root", json={"level": "TRACE"}).status_code == 404


def test_a_login_module_that_asks_a_directory_is_not_run(settings, connectors):
    """Debezium hands such settings to a Kafka client of its own, past Connect's policy."""
    with socket.create_server(("127.0.0.1", 0)) as directory:
        directory.settimeout(0)
        config = source_config(settings, **{
            "signal.enabled.channels": "kafka", "signal.kafka.bootstrap.servers": settings.bootstrap,
            "signal.kafka.topic": "signals", "signal.consumer.security.protocol": "SASL_PLAINTEXT",
            "signal.consumer.sasl.mechanism": "PLAIN",
            "signal.consumer.sasl.jaas.config": JNDI.format(port=directory.getsockname()[1])})
        with posted(settings, config) as (client, answer):
            if answer.is_success:
                until(lambda: "JndiLoginModule is not allowed" in json.dumps(
                    client.get(f"/connectors/{PLANTED}/status").json()), "the task failed for its login module")
        with pytest.raises(BlockingIOError):
            directory.accept()


@pytest.mark.parametrize("prefix", ["anything", "cargostream", "a\nb", ""])
def test_messages_in_the_log_of_the_source_stop_nothing(settings, connectors, databases, insert, mirrored, prefix):
    """A message would go to a topic of its own, which nobody has made, and the connector would wait for it for ever."""
    for in_transaction in (True, False):
        databases.query("source", "SELECT pg_logical_emit_message(:in_transaction, :prefix, 'content')", "admin",
                        in_transaction=in_transaction, prefix=prefix)
    row = insert("after.jpg")
    until(lambda: mirrored(row), "a row that came after the messages")


def test_no_password_is_on_connects_own_topics(settings, connectors):
    for topic in ("connect-configs", "connect-status", "connect-offsets"):
        content = b"".join((message.value() or b"") for message in read_all(settings.bootstrap, topic, 1))
        for password in (settings.capture_password, settings.sink_password):
            assert password.get_secret_value().encode() not in content
