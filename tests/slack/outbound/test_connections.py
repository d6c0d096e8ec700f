"""How many calls of Slack may be under way at a time: no connection is waited for."""

from __future__ import annotations

import asyncio

from aiohttp import web

from adapters.slack.outbound.web_api import WebApi
from bot.runtime.delivery import MAX_LANES
from tests.waiting import PATIENCE

LANES_AND_PAGES = MAX_LANES + 32


async def test_messages_in_every_lane_leave_a_connection_for_a_form() -> None:
    """Each call is answered only once all have come, as it is when many conversations hang."""
    everybody = asyncio.Barrier(LANES_AND_PAGES + 1)

    async def call(request: web.Request) -> web.Response:
        await everybody.wait()
        return web.json_response({"ok": True, "channel": "C0", "ts": "1.1", "view": {"id": "V0"}})

    app = web.Application()
    app.router.add_post("/api/{method}", call)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api = WebApi("xoxb-1", f"http://127.0.0.1:{runner.addresses[0][1]}/api/")
    api.connect()
    try:
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as calls:
            for nth in range(LANES_AND_PAGES):
                calls.create_task(api.call("chat.postMessage", {"channel": f"C{nth}", "text": "Hello"}))
            calls.create_task(api.call("views.open", {"trigger_id": "1.1", "view": {}}))
    finally:
        await api.close()
        await runner.cleanup()
