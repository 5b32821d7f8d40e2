"""`cargostream connectors` as a user types it."""

import json
import os
import subprocess
import sys

from connectors.apply import delete
from connectors.status import is_running, status


def command(settings, *words):
    return subprocess.run([sys.executable, "-m", "cargostream", "connectors", *words], capture_output=True, text=True,
                          env={**os.environ, "CARGOSTREAM_HOME": str(settings.home)}, timeout=120, check=False)


class TestCommand:
    def test_status(self, connectors, settings):
        done = command(settings, "status", "--json")
        assert done.returncode == 0
        assert [each["state"] for each in json.loads(done.stdout)] == ["RUNNING"] * 3

    def test_status_of_what_does_not_run(self, settings):
        delete(settings)
        done = command(settings, "status")
        assert done.returncode == 3
        assert "postgres-source-connector: MISSING" in done.stdout

    def test_plan_and_apply(self, settings):
        delete(settings)
        planned = command(settings, "plan", "--json")
        assert {change["action"] for change in json.loads(planned.stdout)} == {"create"}
        assert "password" not in planned.stderr
        applied = command(settings, "apply")
        assert applied.returncode == 0
        assert "create  postgres-sink-connector: RUNNING" in applied.stdout

    def test_heal_with_nothing_to_do(self, connectors, settings):
        done = command(settings, "heal", "--json")
        assert (done.returncode, json.loads(done.stdout)) == (0, [])

    def test_delete_asks(self, connectors, settings):
        assert command(settings, "delete").returncode != 0
        assert all(map(is_running, status(settings)))
