"""News that we were uninstalled somewhere, or that our tokens were taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from adapters.slack.payloads import read
from adapters.slack.workspaces.workspace import Asked, Workspaces


class _News(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class _Uninstalled(_News):
    type: Literal["app_uninstalled"]


class _Tokens(_News):
    bot: list[str] = []


class _Revoked(_News):
    type: Literal["tokens_revoked"]
    tokens: _Tokens


class _Farewell(_News):
    event_time: int
    event: _Uninstalled | _Revoked


KINDS = frozenset({"app_uninstalled", "tokens_revoked"})
"""The types of these events."""


async def hear(body: Mapping[str, Any], asked: Asked, workspaces: Workspaces) -> None:
    """Raises Malformed, SlackFault, Unheard."""
    farewell = read(_Farewell, body)
    match farewell.event:
        case _Uninstalled():
            await workspaces.left(asked, farewell.event_time)
        case _Revoked(tokens=tokens) if tokens.bot:
            await workspaces.revoked(asked)
        case _Revoked():
            pass
