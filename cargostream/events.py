"""Tells what happened on the topic of events, as far as the broker can be reached."""

import logging

import msgspec
from confluent_kafka import KafkaException, Producer

from cargostream.records import EVENTS_TOPIC, Event
from cargostream.settings import Settings

log = logging.getLogger(__name__)


def report(settings: Settings, event: Event, deadline_s: float = 5) -> bool:
    """Sends the event; whether the broker took it within the deadline. An event that is not taken is in the log."""
    lost: list[object] = []
    producer = Producer({"bootstrap.servers": settings.bootstrap, "partitioner": "murmur2_random",
                         "message.timeout.ms": int(deadline_s * 1000)}, logger=log)
    try:
        producer.produce(EVENTS_TOPIC, msgspec.json.encode(event), event.subject.encode(),
                         on_delivery=lambda error, _: lost.append(error) if error else None)
        sent = producer.flush(deadline_s) == 0 and not lost
    except (BufferError, KafkaException):
        sent = False
    if not sent:
        log.error("event could not be sent", extra={"action": "event_lost", "kind": event.kind, "detail": event.detail})
    return sent
