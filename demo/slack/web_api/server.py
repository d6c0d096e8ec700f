"""The HTTP server for the bot: the Web API under /api/ and the response URLs."""

import json
from collections.abc import Callable
from functools import partial

from aiohttp import web

from demo.slack.elements import Json
from demo.slack.state import Call, SlackError, Workspace
from demo.slack.web_api import chat, files, lookup, views
from demo.slack.web_api.apps import Apps
from demo.slack.web_api.args import Args
from demo.slack.web_api.planned_failures import PlannedFailure, PlannedFailures, RateLimits
from demo.slack.web_api.replies import respond
from demo.slack.web_api.sockets import Sockets

Method = Callable[[Workspace, Args], Json]

METHODS: dict[str, tuple[Method, str]] = {
    "api.test": (lookup.api_test, ""),
    "apps.connections.open": (lookup.auth_test, ""),
    "auth.teams.list": (lookup.auth_test, ""),
    "auth.test": (lookup.auth_test, ""),
    "oauth.v2.access": (lookup.auth_test, ""),
    "chat.postMessage": (chat.post_message, "chat:write"),
    "chat.update": (chat.update, "chat:write"),
    "chat.delete": (chat.delete, "chat:write"),
    "chat.postEphemeral": (chat.post_ephemeral, "chat:write"),
    "chat.getPermalink": (chat.permalink, ""),
    "views.open": (views.open_view, ""),
    "views.update": (views.update_view, ""),
    "views.publish": (views.publish, ""),
    "conversations.open": (lookup.open_conversation, "im:write"),
    "conversations.info": (lookup.info, "channels:read"),
    "conversations.members": (lookup.members, "channels:read"),
    "conversations.list": (lookup.list_conversations, "channels:read"),
    "conversations.join": (lookup.join, "channels:join"),
    "conversations.replies": (lookup.replies, "channels:history"),
    "conversations.history": (lookup.history, "channels:history"),
    "files.completeUploadExternal": (files.complete_upload, "files:write"),
    "files.getUploadURLExternal": (files.upload_url, "files:write"),
    "files.info": (lookup.file_info, "files:read"),
    "users.info": (lookup.user_info, "users:read"),
    "users.list": (lookup.list_users, "users:read"),
    "users.conversations": (lookup.conversations_of, "channels:read"),
    "usergroups.list": (lookup.list_groups, "usergroups:read"),
    "usergroups.users.list": (lookup.group_users, "usergroups:read"),
    "pins.add": (chat.pin, "pins:write"),
    "reactions.add": (chat.react, "reactions:write"),
}
FORM_ONLY = {
    "chat.getPermalink",
    "conversations.history",
    "conversations.info",
    "conversations.list",
    "conversations.members",
    "conversations.replies",
    "files.getUploadURLExternal",
    "files.info",
    "oauth.v2.access",
    "usergroups.list",
    "usergroups.users.list",
    "users.conversations",
    "users.info",
    "users.list",
}


_AUTHOR, _AUTHORS_ARGUMENTS = "chat:write.customize", {"username", "icon_url"}
_APP_LEVEL = {"apps.connections.open", "oauth.v2.access"}


class Server:
    """Serves on loopback until closed."""

    def __init__(
        self,
        workspace: Workspace,
        apps: Apps,
        failures: PlannedFailures,
        limits: RateLimits | None,
        scopes: frozenset[str] | None,
    ) -> None:
        self.workspace, self.apps, self.failures, self.limits, self.scopes = (
            workspace,
            apps,
            failures,
            limits,
            scopes,
        )
        self.sockets = Sockets(workspace)
        self.workspaces = {workspace.team_id: workspace}
        self._runner: web.AppRunner | None = None

    async def start(self, port: int) -> str:
        app = web.Application(client_max_size=4 * 2**20)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/response/{team}/{hook}", self._respond)
        app.router.add_get("/link/", self.sockets.accept)
        app.router.add_post("/upload/{team}/{file}", partial(files.take_upload, self.workspaces))
        app.router.add_get("/files-pri/{team}/{file}", partial(files.give_download, self.workspaces))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.workspace.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self.workspace.base_url

    async def stop(self) -> None:
        await self.sockets.close()
        if self._runner:
            await self._runner.cleanup()

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        token, given = await _read(request, method)
        failure = self.failures.take(method, given.get("channel"))
        if failure and failure.drop_connection:
            return self._drop(request, method, given, {"ok": False, "error": "connection_dropped"})
        refusal = self._refusal(failure, method, given)
        if refusal:
            return refusal
        authorization = request.headers.get("Authorization", "")
        workspace, result = self._call(method, token, given, failure, authorization)
        if failure and failure.accept_then_drop:
            return self._drop(request, method, given, result)
        self._log(Call(method, given, result), workspace)
        headers = {"X-OAuth-Scopes": ",".join(sorted(self.scopes))} if self.scopes is not None else {}
        return web.json_response(result, headers=headers)

    def _refusal(self, failure: PlannedFailure | None, method: str, given: Json) -> web.Response | None:
        if failure and failure.status and failure.status != 429:
            result = {"ok": False, "error": failure.error or "internal_error"}
            self._log(Call(method, given, result, failure.status))
            return web.json_response(result, status=failure.status)
        wait = self.limits.retry_after(method, given.get("channel")) if self.limits else 0
        wait = failure.retry_after if failure and failure.status == 429 else wait
        if not wait:
            return None
        result = {"ok": False, "error": "ratelimited"}
        self._log(Call(method, given, result, 429))
        return web.json_response(result, status=429, headers={"Retry-After": str(wait)})

    def _call(
        self, method: str, token: str, given: Json, failure: PlannedFailure | None, authorization: str
    ) -> tuple[Workspace, Json]:
        workspace = self.workspace
        try:
            if method not in METHODS:
                raise SlackError("unknown_method")
            run, scope = METHODS[method]
            if method == "api.test":
                return workspace, {"ok": True, **run(workspace, Args(given))}
            if method in _APP_LEVEL:
                if failure and failure.error:
                    raise SlackError(failure.error)
                return workspace, {"ok": True, **self._app_level(method, token, given, authorization)}
            grant = self.apps.grant_for(token)
            workspace = self.apps.workspace_for(grant, method, Args(given))
            if scope and self.scopes is not None and scope not in self.scopes:
                return workspace, {
                    "ok": False,
                    "error": "missing_scope",
                    "needed": scope,
                    "provided": ",".join(self.scopes),
                }
            if self.scopes is not None and _AUTHOR not in self.scopes and given.keys() & _AUTHORS_ARGUMENTS:
                raise SlackError("missing_scope")
            if failure and failure.error:
                raise SlackError(failure.error)
            if method == "auth.teams.list":
                return workspace, {"ok": True, **self.apps.teams(grant)}
            answer = {"ok": True, **run(workspace, Args(given))}
            return workspace, self.apps.whoami(grant, answer) if method == "auth.test" else answer
        except SlackError as refusal:
            result: Json = {"ok": False, "error": refusal.error}
            if refusal.messages:
                result["response_metadata"] = {"messages": refusal.messages}
                if refusal.error == "invalid_blocks":
                    result["errors"] = refusal.messages
            return workspace, result

    def _app_level(self, method: str, token: str, given: Json, authorization: str) -> Json:
        """Runs a method that needs no workspace token."""
        if method == "oauth.v2.access":
            return self.apps.exchange(Args(given), authorization)
        if token != self.apps.app_token:
            raise SlackError("not_allowed_token_type" if token in self.apps.grants else "invalid_auth")
        return {"url": self.sockets.new_address()}

    def _drop(self, request: web.Request, method: str, given: Json, result: Json) -> web.Response:
        self._log(Call(method, given, result, 0))
        if request.transport:
            request.transport.abort()
        return web.Response()

    def _log(self, call: Call, workspace: Workspace | None = None) -> None:
        (workspace or self.workspace).calls.append(call)
        (workspace or self.workspace).touch()

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        try:
            given = json.loads(await request.text())
        except ValueError:
            return web.json_response({"ok": False, "error": "invalid_payload"}, status=400)
        try:
            workspace = self.workspaces.get(request.match_info["team"], self.workspace)
            response_url = workspace.use_response_url(request.match_info["hook"])
            respond(workspace, response_url, given)
        except SlackError as refusal:
            gone = refusal.error in ("used_url", "expired_url")
            result = {"ok": False, "error": refusal.error, "errors": refusal.messages}
            self._log(Call("response_url", given, result, 404 if gone else 400))
            return web.json_response(result, status=404 if gone else 400)
        self._log(Call("response_url", given, {"ok": True}))
        return web.Response(text="ok")


async def _read(request: web.Request, method: str) -> tuple[str, Json]:
    """Returns the token and the arguments, from query, form, JSON body or header."""
    given: Json = dict(request.query)
    if request.content_type == "application/json":
        body = await request.text()
        # Methods that only take forms ignore a JSON body.
        if method not in FORM_ONLY and body:
            parsed = json.loads(body)
            given |= parsed if isinstance(parsed, dict) else {}
    else:
        given |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    header = request.headers.get("Authorization", "")
    token = header.removeprefix("Bearer ").strip() or str(given.get("token", ""))
    given.pop("token", None)
    return token, given
