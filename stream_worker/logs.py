"""Logs: short constant messages with fields, as lines for people or as JSON. Never a payload, never a password."""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import NoReturn

from cargostream.visible import visible

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

REPEAT_S = 30.0

log = logging.getLogger("cargostream.worker")


class _Lines(logging.Formatter):
    """`time level message key=value …`, one line a record whatever the fields hold."""

    def format(self, record: logging.LogRecord) -> str:
        content = self._content(record)
        words = [content.pop("at"), content.pop("level"), content.pop("message")]
        return visible(" ".join([*words, *(f"{name}={value!r}" for name, value in content.items())]))

    def _content(self, record: logging.LogRecord) -> dict[str, str]:
        content = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "message": record.getMessage(),
        }
        content |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return content


class _Json(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self._content(record), default=str)  # in ASCII: nothing in it can act on a terminal


class _Seldom(logging.Filter):
    """Lets a library say the same once in a while: without a broker, aiokafka has a hundred lines a second to say."""

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        said = (record.name, str(record.msg))
        if record.name == log.name or record.created >= self._next.get(said, 0):
            if len(self._next) > 1000:  # what is worded anew each time must not fill the memory
                self._next.clear()
            self._next[said] = record.created + REPEAT_S
            return True
        return False


def set_up(as_json: bool) -> None:
    """Log to standard error. Libraries speak from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Seldom())
    handler.setFormatter(_Json() if as_json else _Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(logging.INFO)


def give_up(reason: str, **fields: object) -> NoReturn:
    """End the process at once. What is in flight stays unacknowledged and is answered by whoever comes next; a clean
    end could still acknowledge or send something, and would take time that other processes wait for."""
    log.critical("giving up", extra={"reason": reason, **fields})
    logging.shutdown()
    os._exit(1)
