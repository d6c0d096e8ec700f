"""News that we were uninstalled somewhere, or that our tokens were taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from adapters.slack.payloads import parse
from adapters.slack.workspaces.workspace import RequestOrigin, Workspaces


class _News(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class _Uninstalled(_News):
    type: Literal["app_uninstalled"]


class _Tokens(_News):
    bot: list[str] = []


class _Revoked(_News):
    type: Literal["tokens_revoked"]
    tokens: _Tokens


class _UninstallCallback(_News):
    event_time: int
    event: _Uninstalled | _Revoked


UNINSTALL_EVENTS = frozenset({"app_uninstalled", "tokens_revoked"})
"""The types of these events."""


async def handle_uninstall(body: Mapping[str, Any], origin: RequestOrigin, workspaces: Workspaces) -> None:
    """Raises Malformed, SlackFault, SlackUnavailable."""
    callback = parse(_UninstallCallback, body)
    match callback.event:
        case _Uninstalled():
            await workspaces.app_uninstalled(origin, callback.event_time)
        case _Revoked(tokens=tokens) if tokens.bot:
            await workspaces.tokens_revoked(origin)
        case _Revoked():
            pass
