"""Rows as records on the topic `cargo-ingest`; Connect applies them to the source table under their own keys."""

import logging
import time
from collections.abc import Sequence

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from cargostream.errors import CargostreamError
from cargostream.records import INGEST_TOPIC, IngestRecord
from producers.rows import Row

# librdkafka would print each lost connection on stderr, in the middle of the progress line.
_quiet = logging.getLogger("producers.librdkafka")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


class TopicWriter:
    """Writes rows with an idempotent producer; a call returns when the broker has confirmed every one of them.

    The key is hashed as Java clients do (murmur2), so that all producers of a key agree on its partition.
    """

    retries = 0

    def __init__(self, bootstrap: str, patience_s: float) -> None:
        self._bootstrap = bootstrap
        self._patience_s = patience_s
        self._producer = Producer({
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "partitioner": "murmur2_random",
            "linger.ms": 0, "message.timeout.ms": int(patience_s * 1000), "client.id": "cargostream-produce",
        }, logger=_quiet)
        try:
            topic = self._producer.list_topics(INGEST_TOPIC, timeout=5).topics[INGEST_TOPIC]
        except KafkaException as error:
            raise self._failure(error.args[0]) from error
        if topic.error:
            raise self._failure(topic.error)

    def write(self, rows: Sequence[Row]) -> None:
        """Send the rows and wait for their confirmations.

        Raises:
            CargostreamError: a record was not confirmed within the patience.
        """
        failures: list[KafkaError] = []

        def confirmed(error: KafkaError | None, _: Message) -> None:
            if error:
                failures.append(error)

        for row in rows:
            record = IngestRecord(row.ingest_key, row.image_path, target=row.target, sha256=row.sha256)
            self._send(row.ingest_key, msgspec.json.encode(record), confirmed)
        left = self._producer.flush(self._patience_s + 5)
        if failures or left:
            raise self._failure(failures[0] if failures else KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001

    def close(self) -> None:
        self._producer.flush(5)

    def _send(self, key: str, value: bytes, confirmed: object) -> None:
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                self._producer.produce(INGEST_TOPIC, value, key, on_delivery=confirmed)  # type: ignore[arg-type]
                self._producer.poll(0)
                return
            except BufferError as error:
                if time.monotonic() > deadline:
                    raise self._failure(KafkaError(KafkaError._QUEUE_FULL)) from error  # noqa: SLF001
                self._producer.poll(0.1)

    def _failure(self, error: KafkaError) -> CargostreamError:
        return CargostreamError(f"The topic {INGEST_TOPIC} at {self._bootstrap} takes no records ({error.str()}); "
                                "see `cargostream status`, start the stack with `cargostream up`.")
