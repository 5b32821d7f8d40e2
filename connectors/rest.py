"""Connect's REST interface, as far as it is needed."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpx

from cargostream.errors import CargostreamError, Unavailable
from cargostream.settings import Settings

CONFLICT = 409
REBALANCE = "rebalance"
"""Connect answers 409, or 500 with this word, as long as it hands out its work anew."""


@contextmanager
def connect(settings: Settings) -> Iterator[httpx.Client]:
    """A client with time-outs, for one command.

    Raises:
        Unavailable: Connect does not answer.
    """
    try:
        with httpx.Client(base_url=settings.connect_url, timeout=httpx.Timeout(10), trust_env=False,
                          verify=_authorities()) as client:
            yield client
    except httpx.TransportError as error:
        raise Unavailable(f"Kafka Connect at {settings.connect_url} does not answer ({error or type(error).__name__}); "
                          f"`cargostream status` tells whether it runs.") from error


@cache
def _authorities() -> ssl.SSLContext:
    """Read once: a client that reads them for itself takes 14 ms of a core, and one is opened every other second."""
    return httpx.create_ssl_context()


def answer(response: httpx.Response) -> Any:
    """The JSON of a good answer, None where there is no body.

    Raises:
        Unavailable: Connect is starting or busy handing out its work; ask again.
        CargostreamError: Connect refused; the message has its reason.
    """
    if response.is_success:
        return response.json() if response.content else None
    try:
        reason = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        if response.status_code == httpx.codes.NOT_FOUND:  # a page, as long as what would answer is not there yet
            raise Unavailable("Kafka Connect is only starting; ask again.") from None
        reason = response.text
    reason = " ".join(reason.split())[:500] or f"status {response.status_code}"
    if response.status_code == CONFLICT or REBALANCE in reason:
        raise Unavailable(f"Kafka Connect is handing out its work anew: {reason}")
    raise CargostreamError(f"Kafka Connect refused {response.request.method} {response.request.url.path}: {reason}")
