"""Sends answers with librdkafka's idempotent producer and hears which of them the broker has."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Generic, TypeVar

from confluent_kafka import KafkaError, Message, Producer

from stream_worker.logs import give_up, log
from stream_worker.outcomes import Outgoing

Token = TypeVar("Token")

REQUEST_TIMEOUT_S = 20
"""A connection on which the broker says nothing for this long is given up for a new one."""

DELIVERY_TIMEOUT_S = 120
"""A broker may be away for this long; after that the process ends and what it had in flight is done again."""


class Sender(Generic[Token]):
    """`send` may be called from any thread; `confirmed` runs on the loop, once for each token, in batches."""

    def __init__(self, bootstrap: str, client_id: str, loop: asyncio.AbstractEventLoop,
                 confirmed: Callable[[Token], None]) -> None:
        self._producer = Producer({
            "bootstrap.servers": bootstrap, "client.id": client_id, "enable.idempotence": True, "acks": "all",
            "linger.ms": 2, "socket.timeout.ms": REQUEST_TIMEOUT_S * 1000,
            "delivery.timeout.ms": DELIVERY_TIMEOUT_S * 1000, "message.max.bytes": 2_000_000, "error_cb": _on_error,
        }, logger=log)
        self._loop = loop
        self._confirmed = confirmed
        self._delivered: deque[Token] = deque()
        self._woken = False
        Thread(target=self._poll, name="sender", daemon=True).start()

    def send(self, outgoing: Outgoing, token: Token) -> None:
        """Hand a record to the producer; it is safe when `confirmed` has been called with the token. A record whose
        token is None may be lost; any other that cannot be sent ends the process."""
        try:
            self._producer.produce(
                outgoing.topic, key=outgoing.key, value=outgoing.value, partition=outgoing.partition,
                headers=outgoing.headers, on_delivery=partial(self._on_delivery, token),
            )
        except BufferError:  # the broker has been away for long
            if token is not None:
                raise

    def flush(self, timeout_s: float) -> int:
        """Wait until everything is delivered; the number of records that are not."""
        return self._producer.flush(timeout_s)

    def _poll(self) -> None:
        while True:
            self._producer.poll(0.5)

    def _on_delivery(self, token: Token, error: KafkaError | None, message: Message) -> None:
        if error is not None and token is None:
            log.warning("a record that may be lost could not be sent",
                        extra={"error": error.str(), "topic": message.topic()})
        elif error is not None:
            give_up("a record could not be sent", error=error.str(), topic=message.topic())
        self._delivered.append(token)
        if not self._woken:  # one wake-up for all that come in before the loop gets to it
            self._woken = True
            self._loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        self._woken = False
        while self._delivered:
            self._confirmed(self._delivered.popleft())


def _on_error(error: KafkaError) -> None:
    if error.fatal():
        give_up("the producer cannot go on", error=error.str())
