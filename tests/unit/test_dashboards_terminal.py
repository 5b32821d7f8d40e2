"""The live view, drawn from given figures."""

from io import StringIO

from rich.console import Console

from dashboards.live import Figures
from dashboards.terminal import live_view, plain_line

FULL = Figures(rows_in=1300, predicted=1200, rejected=60, p50_ms=41.6, p99_ms=120.2, accuracy=0.9312,
               model_name="cargo-ground", model_version=3, class_mix=(("concrete", 700), ("wood", 500)))


def drawn(figures):
    console = Console(file=StringIO(), width=100)
    console.print(live_view(figures, 19.97, {"Connect": "http://127.0.0.1:18083"}))
    return console.file.getvalue()


def test_every_figure_is_shown():
    text = drawn(FULL)
    for shown in ("1,300", "1,200", "60", "42 ms", "120 ms", "93.1%", "cargo-ground version 3", "40", "20.0/s",
                  "concrete", "700", "http://127.0.0.1:18083"):
        assert shown in text


def test_what_is_not_known_is_a_dash():
    assert "–" in drawn(Figures())
    assert plain_line(Figures(rows_in=5)) == (
        "rows in 5  predicted –  rejected –  waiting –  p50 –  p99 –  accuracy –  model –")


def test_waiting_is_never_below_zero():
    assert FULL.waiting == 40
    assert Figures(rows_in=1, predicted=2, rejected=0).waiting == 0


def test_the_plain_line_is_one_line():
    assert "\n" not in plain_line(FULL)
    assert "waiting 40" in plain_line(FULL)
