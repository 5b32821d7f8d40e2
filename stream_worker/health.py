"""What the worker says about itself: `GET /readyz` is 200 when rows can be answered, `GET /livez` is 200 unless the
worker is stuck; else they are 503, with the reason."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from cargostream.errors import UsageError

Facts = Callable[[], dict[str, Any]]


async def serve_health(host: str, port: int, facts: Facts, life: Facts) -> web.AppRunner:
    """Answer on host:port from now on, with what `facts` and `life` tell; "ready" and "live" in it decide the status.

    Raises:
        UsageError: the port is taken.
    """
    app = web.Application()
    app.router.add_get("/readyz", _page(facts, "ready"))
    app.router.add_get("/livez", _page(life, "live"))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise UsageError(f"The worker cannot tell its health on port {port} of {host} ({error.strerror or error}): "
                         "stop what holds it, or name a free one in CARGOSTREAM_WORKER_PORT.") from error
    return runner


def _page(tell: Facts, good: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        content = tell()
        return web.json_response(content, status=200 if content[good] else 503)

    return answer
