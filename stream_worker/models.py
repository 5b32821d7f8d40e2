"""The models of a worker process: who answers, and who answers a share of the rows in shadow."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cargostream.cache import Cache
from cargostream.labels import CARGO_LABELS
from cargostream.records import CHALLENGER, CHAMPION
from cargostream.served import ServedModel, open_model
from cargostream.settings import Settings
from stream_worker.follower import Follower, Report
from stream_worker.outcomes import Outgoing
from stream_worker.seat import Seat
from stream_worker.shadow import Post, Shadow
from stream_worker.work import Work


class Models:
    """Both seats, and the follower that fills them. `send` sends what may be lost, from any thread."""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop, send: Callable[[Outgoing], None],
                 report: Report) -> None:
        self._settings, self._loop, self._send = settings, loop, send
        self._cache = Cache(settings.home / "models")
        self.champion: Seat[ServedModel] = Seat(alias=CHAMPION, kind="model", open=_open_champion)
        self.challenger: Seat[Shadow] = Seat(alias=CHALLENGER, kind="challenger", open=self._open_challenger,
                                             close=Shadow.close, lasting=False)
        followed = (self.champion, self.challenger) if settings.shadow_share else (self.champion,)
        self.follower = Follower(self._cache, settings.tracking_uri, settings.model_name, settings.alias_poll_s,
                                 followed, report)

    def folder(self) -> Path:
        """Where the champion's artifact lies. Raises Unavailable: there is no champion."""
        return self._cache.path(self.champion.current().digest)

    def offer(self, work: Work, room: bool) -> None:
        """Let the challenger, if there is one, have a record that is through."""
        if (challenger := self.challenger.holder) is not None:
            challenger.offer(work, self._settings.shadow_share, room)

    def facts(self) -> dict[str, Any]:
        """For `/readyz`."""
        model, challenger = self.champion.holder, self.challenger.holder
        return {"model_name": model and model.name, "model_version": model and model.version,
                "model_confirmed": self.champion.confirmed, "champion": self.champion.facts(),
                "challenger": self.challenger.facts() | {"rows": dict(challenger.counts) if challenger else {}},
                "registry": self.follower.registry, "registry_failures": self.follower.registry_failures}

    def _open_challenger(self, folder: Path, version: int, digest: str) -> Shadow:
        settings = self._settings
        post = Post(str(folder), version, digest, CARGO_LABELS, str(settings.image_store), settings.image_max_bytes,
                    settings.image_max_pixels)
        return Shadow(post, settings.image_timeout_s, self._send, self._failed)

    def _failed(self, shadow: Shadow, reason: str) -> None:
        self._loop.call_soon_threadsafe(self.follower.put_aside, self.challenger, shadow, reason)


def _open_champion(folder: Path, version: int, digest: str) -> ServedModel:
    # One thread a prediction: images are predicted side by side, one on each core.
    return open_model(folder, 1, version=version, digest=digest, labels=CARGO_LABELS)
