"""Who is champion and who challenges: the alias moves, and the versions remember who lost to whom.

MLflow sets an alias in one request but knows no condition for it: that the champion is still the one that was compared
with is asked right before, and what comes between is a matter of milliseconds.
"""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cargostream.errors import CargostreamError
from cargostream.records import CHALLENGER, CHAMPION
from cargostream.settings import Settings
from model_registry.judge import Comparison
from model_registry.mlflow_rest import Version, alias_of, find_version, versions_of
from model_registry.mlflow_write import delete_alias, delete_tags, set_alias, set_tags
from model_registry.vet import vet

PROMOTED_AT, PROMOTED_OVER, LOST_TO = "promoted_at", "promoted_over", "lost_to"
MEASURED_ON = "measured_on_"
"""With the day behind it: SHA-256 of the list of the images that decided."""
ROLLED_BACK_AT, ROLLED_BACK_TO = "rolled_back_at", "rolled_back_to"


def crown(settings: Settings, compared: Comparison) -> None:
    """Make the candidate champion, if it passed every gate and nothing has changed since.

    A crash on the way leaves either the old champion, or the new one with all that a rollback needs.

    Raises:
        CargostreamError: a gate failed, the champion is another by now, or the registry refuses.
    """
    name = compared.model
    if not compared.passed:
        reasons = "; ".join(gate.words for gate in compared.gates if not gate.passed)
        raise CargostreamError(f"{name} version {compared.candidate} is not promoted: {reasons}.")
    versions = versions_of(settings.tracking_uri, name)
    _unchanged(versions, compared.champion, name)
    winner = find_version(versions, name, str(compared.candidate))
    over = {} if compared.champion is None else {PROMOTED_OVER: str(compared.champion)}
    measured_on = {f"{MEASURED_ON}{day}": digest for day, digest in compared.lists.items()}
    set_tags(settings.tracking_uri, name, winner.version, over | measured_on | {PROMOTED_AT: _now()})
    set_alias(settings.tracking_uri, name, CHAMPION, winner.version)
    if compared.champion is not None:
        set_tags(settings.tracking_uri, name, compared.champion, {LOST_TO: str(winner.version)})
    delete_tags(settings.tracking_uri, name, winner.version,
                [key for key in (LOST_TO, ROLLED_BACK_AT, ROLLED_BACK_TO) if key in winner.tags])
    if CHALLENGER in winner.aliases:
        delete_alias(settings.tracking_uri, name, CHALLENGER)


def roll_back(settings: Settings) -> tuple[int, int]:
    """Make that version champion again that the present one was promoted over; (from, to).

    Raises:
        ModelRefused: the version to go back to must not serve.
        CargostreamError: there is none to go back to, or the registry refuses.
    """
    uri, name = settings.tracking_uri, settings.model_name
    versions = versions_of(uri, name)
    champion = alias_of(versions, CHAMPION)
    if champion is None:
        raise CargostreamError(f"No version of {name} is champion, so there is nothing to go back from.")
    if PROMOTED_OVER not in champion.tags:
        raise CargostreamError(f"{name} version {champion.version} was not promoted over another version: there is "
                               f"nothing to go back to. `cargostream model promote` makes another one champion.")
    before = find_version(versions, name, champion.tags[PROMOTED_OVER])
    with tempfile.TemporaryDirectory() as scratch:
        vet(settings, before, Path(scratch))
    _unchanged(versions_of(uri, name), champion.version, name)
    set_alias(uri, name, CHAMPION, before.version)
    set_tags(uri, name, champion.version, {ROLLED_BACK_AT: _now(), ROLLED_BACK_TO: str(before.version)})
    if LOST_TO in before.tags:
        delete_tags(uri, name, before.version, [LOST_TO])
    if CHALLENGER in before.aliases:
        delete_alias(uri, name, CHALLENGER)
    return champion.version, before.version


def challenge(settings: Settings, word: str) -> int:
    """Let the alias challenger point at a version that serving would take; its number.

    Raises:
        ModelRefused: its artifact must not serve.
        CargostreamError: there is no such version, it is the champion, or the registry refuses.
    """
    name = settings.model_name
    version = find_version(versions_of(settings.tracking_uri, name), name, word)
    if CHAMPION in version.aliases:
        raise CargostreamError(f"{name} version {version.version} is the champion: it cannot challenge itself.")
    with tempfile.TemporaryDirectory() as scratch:
        vet(settings, version, Path(scratch))
    set_alias(settings.tracking_uri, name, CHALLENGER, version.version)
    return version.version


def call_off(settings: Settings) -> int | None:
    """Let no version be challenger; which one was. Raises CargostreamError if the registry refuses."""
    challenger = alias_of(versions_of(settings.tracking_uri, settings.model_name), CHALLENGER)
    if challenger is None:
        return None
    delete_alias(settings.tracking_uri, settings.model_name, CHALLENGER)
    return challenger.version


def _unchanged(versions: list[Version], champion: int | None, name: str) -> None:
    found = alias_of(versions, CHAMPION)
    if (found and found.version) != champion:
        raise CargostreamError(
            f"The champion of {name} is {f'version {found.version}' if found else 'none'} by now, and was "
            f"{f'version {champion}' if champion else 'none'} when this began: nothing was changed, try again.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
