"""Questions to a service that is coming up, cheap enough to ask ten times a second while everything else starts."""

import socket
from http.client import HTTPConnection


def listens(host: str, port: int) -> bool:
    """Whether something accepts connections on a port."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, port)) == 0


def http_ok(host: str, port: int, path: str) -> bool:
    """Whether a GET is answered with 200; no proxy, no TLS."""
    connection = HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    finally:
        connection.close()
