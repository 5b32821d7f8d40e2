"""The demo's watch ends, whatever is away."""

import pytest

from cargostream.cli import watch as module
from cargostream.cli.watch import Run, watch
from cargostream.database import engine
from cargostream.errors import CargostreamError
from tests.support.postgres import free_port
from tests.support.settings import settings_for

pytestmark = pytest.mark.timeout(20)


@pytest.fixture
def away(tmp_path, monkeypatch):
    """Both databases, at a port where nobody listens."""
    monkeypatch.setattr(module, "STALLED_S", 0.3)
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    port = free_port()
    settings = settings_for(tmp_path, "none", source_port=port, target_port=port)
    return engine(settings, "source", "dashboard"), engine(settings, "target", "dashboard")


def test_databases_that_stay_away_end_it(away):
    with pytest.raises(CargostreamError, match="does not answer"):
        watch(*away, Run("run", 0), {}, lambda: False, lambda: True)


def test_a_stack_that_is_stopped_ends_it_at_once(away, monkeypatch):
    monkeypatch.setattr(module, "STALLED_S", 3600)
    with pytest.raises(CargostreamError, match="was stopped"):
        watch(*away, Run("run", 0), {}, lambda: False, lambda: False)


def test_it_does_not_give_up_while_rows_come_and_nobody_knows_what_waits(away):
    looks = iter([True] * 100 + [False] * 10_000)
    asked = []
    with pytest.raises(CargostreamError, match="does not answer"):
        watch(*away, Run("run", 0), {}, lambda: asked.append(1) or next(looks), lambda: True)
    assert len(asked) > 100
