"""Where letters are worked with, wherever they are kept: see `operations.letters`."""

from typing import cast

from sqlalchemy import Engine

from cargostream.database import Server, engine
from cargostream.errors import CargostreamError
from cargostream.replays import Replayer
from cargostream.settings import Settings
from operations import dead_letters, refused
from operations.letters import Letter, Place

SERVERS: tuple[Server, ...] = ("source", "target")


class Desk:
    """The topic and both databases, as the operator. `by` is who works, for the notes. To be closed after use."""

    def __init__(self, settings: Settings, by: str) -> None:
        self._settings, self._by = settings, by
        self._engines: dict[str, Engine] = {server: engine(settings, server, "operator") for server in SERVERS}
        self._replayer: Replayer | None = None

    def close(self) -> None:
        for each in self._engines.values():
            each.dispose()

    def letters(self, limit: int, handled_too: bool) -> list[Letter]:
        """The newest letters of all places, the newest first."""
        found = dead_letters.read_letters(self._settings.bootstrap, self._engines["target"], limit, handled_too)
        for server in SERVERS:
            found += refused.read_refused(self._engines[server], server, limit, handled_too)
        return sorted(found, key=lambda letter: letter.at.replace(" ", "T"), reverse=True)[:limit]

    def letter(self, place: Place) -> Letter:
        """The letter at a place. Raises UsageError: there is none."""
        if place.where == "kafka":
            return dead_letters.read_letter(self._settings.bootstrap, self._engines["target"], place)
        return refused.read_one(self._engines[place.where], cast(Server, place.where), place)

    def replay(self, letter: Letter) -> tuple[bool, str]:
        """Use a letter after all, and note it; whether that went well, and what became of it."""
        place = letter.place
        try:
            if place.where != "kafka":
                reason = refused.apply_again(self._engines[place.where], place, self._by)
                return (True, "applied") if reason is None else (False, f"refused again: {reason}")
            self._replayer = self._replayer or Replayer(self._settings.bootstrap)
            attempt = dead_letters.replay_letter(self._replayer, letter)
        except CargostreamError as error:
            return False, str(error)
        dead_letters.mark(self._engines["target"], place, "replayed", self._by)
        return True, f"sent to the worker as attempt {attempt}; if it cannot be read still, it is a new dead letter"

    def dismiss(self, letter: Letter) -> tuple[bool, str]:
        """Note that nothing is to be done about a letter."""
        place = letter.place
        if place.where == "kafka":
            dead_letters.mark(self._engines["target"], place, "dismissed", self._by)
        else:
            refused.dismiss(self._engines[place.where], place, self._by)
        return True, "dismissed"
