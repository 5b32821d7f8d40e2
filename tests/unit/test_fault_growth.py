"""What grows in a soak is told, and what only starts anew is not."""

from typing import Any

import pytest

from tests.faults.growth import grown, markdown


def samples(mb: Any = lambda _: 100.0, fds: Any = lambda _: 40, wal: Any = lambda _: 20.0) -> list[dict[str, Any]]:
    return [{"at_s": 10.0 * n, "parts": {"worker-0": {"mb": mb(n), "fds": fds(n)}}, "wal_mb": wal(n)}
            for n in range(360)]


@pytest.mark.parametrize(("seen", "told"), [
    pytest.param(samples(), [], id="flat"),
    pytest.param(samples(mb=lambda n: min(100, 20 + n)), [], id="warming up"),
    pytest.param(samples(mb=lambda n: 80 + 40 * (n % 20 > 10)), [], id="killed now and then"),
    pytest.param(samples(mb=lambda n: 100 + n / 4), ["worker-0 grew from 145 to 175 mb"], id="90 MB an hour"),
    pytest.param(samples(fds=lambda n: 40 + n), ["worker-0 grew from 220 to 340 fds"], id="a descriptor a sample"),
    pytest.param(samples(wal=lambda n: 2.0 * n), ["the slot holds 599 MB of log"], id="a slot that nobody reads"),
])
def test_only_growth_is_told(seen: list[dict[str, Any]], told: list[str]) -> None:
    assert grown(seen) == told


def test_the_report_has_the_violations_the_parts_and_the_faults() -> None:
    text = markdown({"minutes": 60, "seed": 1, "rate": 100, "about": "commit abc",
                     "violations": ["I1: lost"], "figures": {"rows": 3000}, "samples": samples(),
                     "faults": [{"name": "kill -9 kafka", "in_flight": n, "whole_s": n} for n in (4, 9, 6)]})
    assert "Violations: **1**\n- I1: lost" in text
    assert "| worker-0 | 100 | 100 | 40 | 40 |" in text
    assert "| kill -9 kafka | 3 | 4-9 | 6.0 | 9.0 |" in text
