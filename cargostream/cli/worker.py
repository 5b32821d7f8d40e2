"""`cargostream worker`."""

import typer


def worker(
    index: int = typer.Option(0, "--index", min=0, max=63,
                              help="Which process of the group this is, on whatever machine: no two may have the "
                                   "same. The stack's are 0 and on. The health port is worker_port + index."),
) -> None:
    """Run one worker process until Ctrl-C or SIGTERM: rows in, predictions out.

    The stack starts workers by itself (`worker_processes` says how many); this is for one more, with an --index of its
    own, or for one without the stack. It waits for the topics and for a model that has the alias champion, and tells
    how it is on http://127.0.0.1:18000/readyz.

    When the alias moves, each process takes over the new version by itself, some seconds apart at most; each answer
    names the version that gave it. A model with the alias challenger answers a share of the rows too (`shadow_share`),
    for the history only.
    """
    from cargostream.settings import load_settings
    from stream_worker.run import run

    run(load_settings(), index)


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(worker)
