"""What the worker says about itself on `GET /readyz`: 200 when rows can be answered, 503 with the reason when not."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from cargostream.errors import UsageError

Facts = Callable[[], dict[str, Any]]


async def serve_health(host: str, port: int, facts: Facts) -> web.AppRunner:
    """Answer on host:port from now on, with what `facts` tells; its "ready" decides the status.

    Raises:
        UsageError: the port is taken.
    """
    async def readyz(_: web.Request) -> web.Response:
        content = facts()
        return web.json_response(content, status=200 if content["ready"] else 503)

    app = web.Application()
    app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise UsageError(f"The worker cannot tell its health on port {port} of {host} ({error.strerror or error}): "
                         "stop what holds it, or name a free one in CARGOSTREAM_WORKER_PORT.") from error
    return runner
