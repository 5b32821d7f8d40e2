"""`cargostream monitor`."""

import typer


def monitor() -> None:
    """Watch the answers for drift until Ctrl-C or SIGTERM. The stack starts it by itself.

    Every 50 answers of a model version (CARGOSTREAM_DRIFT_WINDOW) are held against the known days whose reference came
    with the model: class probabilities, confidence, image statistics, distance of the embedding and the strangeness
    that sums these up, each by a two-sample Kolmogorov-Smirnov test, corrected for their number. On rows of a known day
    an alarm is due at most once in 100,000 rows (CARGOSTREAM_DRIFT_FALSE_ALARM_ROWS). Three quiet windows in a row end
    it.

    Drift that looks like a known kind of damage is named, but mosaic and jpeg are not told by these statistics: an
    alarm about such images has no name. (Tried at severity 3 with one window of 50 real photos a kind: those two went
    unnamed, the other nine were named rightly.)

    An alarm is a row in cargo_event, a line of the log and a line of `cargostream status`; the tables cargo_window and
    cargo_window_statistic hold what was found in every window.
    """
    from cargostream.settings import load_settings
    from operations.monitor_process import run

    run(load_settings())


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(monitor)
