"""Addresses that users give, as they may be shown."""

import re
from urllib.parse import urlsplit

_USER = re.compile(r"(?<=://)[^/\s]*@")


def without_password(text: str) -> str:
    """A URI, or a message with URIs in it, without the users and passwords of these."""
    return _USER.sub("", text)


def is_loopback(uri: str) -> bool:
    """Whether it leads to this machine, so that a proxy which the environment names must stay out of it."""
    return urlsplit(uri).hostname in ("127.0.0.1", "localhost", "::1")
