"""A bot of a few lines, to show the fake workspace from the other side."""

import json
from typing import Any

from aiohttp import web
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

FORM: dict[str, Any] = {
    "type": "modal",
    "callback_id": "intake",
    "title": {"type": "plain_text", "text": "Get help"},
    "submit": {"type": "plain_text", "text": "Open ticket"},
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "summary",
            "label": {"type": "plain_text", "text": "Summary"},
            "element": {"type": "plain_text_input", "action_id": "summary", "max_length": 150},
        },
        {
            "type": "input",
            "block_id": "production_use",
            "dispatch_action": True,
            "label": {"type": "plain_text", "text": "Is production affected?"},
            "element": {
                "type": "static_select",
                "action_id": "production_use",
                "options": [
                    {"text": {"type": "plain_text", "text": "It is down"}, "value": "down"},
                    {"text": {"type": "plain_text", "text": "Not at all"}, "value": "none"},
                ],
            },
        },
        {
            "type": "input",
            "block_id": "details",
            "optional": True,
            "label": {"type": "plain_text", "text": "Details"},
            "element": {"type": "plain_text_input", "action_id": "details", "multiline": True},
        },
    ],
}


def card(summary: str, state: str, button: str) -> list[dict[str, Any]]:
    return [
        {"type": "header", "text": {"type": "plain_text", "text": f"ACME-1 · {summary}"}},
        {
            "type": "section",
            "block_id": f"state-{state}",
            "fields": [
                {"type": "mrkdwn", "text": f"*State*\n{state}"},
                {"type": "mrkdwn", "text": "*Due*\n<!date^1774020600^{date_short} {time}|15:30 UTC>"},
            ],
        },
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": button.lower(),
                    "value": "ACME-1",
                    "text": {"type": "plain_text", "text": f":eyes: {button}", "emoji": True},
                }
            ],
        },
    ]


class TinyBot:
    def __init__(self, api_url: str, token: str, secret: str) -> None:
        self.client = AsyncWebClient(token=token, base_url=api_url)
        self.verifier = SignatureVerifier(secret)
        self.heard: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.refuse: list[int] = []
        self.answer: Any = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        app = web.Application()
        app.router.add_post("/slack/events", self._hear)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/slack/events"

    async def stop(self) -> None:
        assert self._runner
        await self._runner.cleanup()

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [body for body in self.heard if body.get("event", {}).get("type") == kind]

    async def _hear(self, request: web.Request) -> web.Response:
        raw = await request.text()
        if not self.verifier.is_valid_request(
            raw, {key: str(value) for key, value in request.headers.items()}
        ):
            return web.Response(status=401)
        if self.refuse:
            return web.Response(status=self.refuse.pop(0))
        if request.content_type == "application/json":
            body = json.loads(raw)
        else:
            form = {name: str(value) for name, value in (await request.post()).items()}
            body = json.loads(form["payload"]) if "payload" in form else form
        self.heard.append(body)
        self.headers.append({key.lower(): value for key, value in request.headers.items()})
        if self.answer is not None:
            return self.answer if isinstance(self.answer, web.Response) else web.json_response(self.answer)
        if "command" in body:
            view = FORM | {"private_metadata": body["channel_id"]}
            view["blocks"][0]["element"]["initial_value"] = body["text"]
            await self.client.views_open(trigger_id=body["trigger_id"], view=view)
        elif body["type"] == "view_submission":
            return await self._submitted(body)
        elif body["type"] == "block_actions" and "message" in body:
            await self._pressed(body)
        elif body["type"] == "url_verification":
            return web.json_response({"challenge": body["challenge"]})
        return web.Response()

    async def _submitted(self, body: dict[str, Any]) -> web.Response:
        values = body["view"]["state"]["values"]
        summary = values["summary"]["summary"]["value"]
        if len(summary) < 5:
            errors = {"summary": "Say a little more."}
            return web.json_response({"response_action": "errors", "errors": errors})
        blocks = card(summary, "open", "Acknowledge")
        channel = body["view"]["private_metadata"]
        await self.client.chat_postMessage(channel=channel, text=summary, blocks=blocks)
        return web.Response()

    async def _pressed(self, body: dict[str, Any]) -> None:
        channel, ts = body["channel"]["id"], body["message"]["ts"]
        blocks = card("printers down", "acknowledged", "Resolve")
        await self.client.chat_update(channel=channel, ts=ts, text="acknowledged", blocks=blocks)
        await self.client.chat_postMessage(channel=channel, text="We are on it.", thread_ts=ts)
