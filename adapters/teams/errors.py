"""Maps Microsoft's error answers to TemporaryFailure or PermanentFailure, with text for operators."""

from __future__ import annotations

import json
from datetime import UTC
from email.utils import parsedate_to_datetime

import structlog

from bot.clock import real_now
from bot.faults import OperatorFault
from bot.ports import NotEditable, PermanentFailure, TemporaryFailure

log = structlog.get_logger(__name__)

LONGEST_WAIT = 3600.0
_TRANSIENT = frozenset({408, 412, 425, 429, 500, 502, 503, 504})
"""412: a concurrent write to the same conversation. Retry-After is optional with each of these."""

_FIXES = {
    "MessageWritesBlocked": "this person has blocked the bot, or removed it",
    "BotNotInConversationRoster": "the bot is not in this conversation; add the app to the team or chat",
    "BotDisabledByAdmin": "an administrator of the tenant has disabled the app; ask them to allow it",
    "ConversationNotFound": "the conversation was deleted, or the app was removed from it",
    "ActivityNotFoundInConversation": "the message was deleted",
    "ActivityNotFound": "the message was deleted",
    "MessageSizeTooBig": "the message is too large for Teams",
    "BotNotRegistered": "the app is not registered as a bot; check MICROSOFT_APP_ID and its Teams channel",
    "NotEnoughPermissions": "the app lacks the permission; install it in this team again",
}
_STATUS_TEXTS = {
    403: "Teams does not let the bot in here",
    404: "there is no such conversation or message",
    413: "the message is too large for Teams",
}
GONE = frozenset({"ConversationNotFound"})
_MESSAGE_GONE = frozenset({"ActivityNotFound", "ActivityNotFoundInConversation"})


class TeamsFault(OperatorFault):
    """Why the Teams adapter cannot start and how to fix it, in one line."""


class ConversationGone(PermanentFailure):
    """The conversation was deleted."""


class TokenRejected(Exception):
    """Microsoft rejected our token."""


def failure(
    what: str, status: int, body: bytes, retry_after: str | None
) -> TemporaryFailure | PermanentFailure:
    """Returns the exception for a call that was answered with an error."""
    code, says = _error(body)
    meant = _FIXES.get(code) or _STATUS_TEXTS.get(status) or says or "refused"
    about = f"{what}: {meant} (HTTP {' '.join(filter(None, (str(status), code)))})"
    if status in _TRANSIENT or status >= 500:
        return TemporaryFailure(about, seconds(retry_after), maybe_delivered=status >= 500)
    if code in GONE:
        return ConversationGone(about)
    if code in _MESSAGE_GONE:
        return NotEditable(about)
    if status in (400, 405, 413, 415):
        log.error("teams refuses what we sent", what=what, status=status, code=code, says=says)
    return PermanentFailure(about)


def seconds(retry_after: str | None) -> float | None:
    """Converts Retry-After, a number or a date, to seconds from now."""
    if not retry_after:
        return None
    try:
        wait = float(retry_after)
    except ValueError:
        try:
            at = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        wait = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - real_now()).total_seconds()
    return min(max(wait, 0.0), LONGEST_WAIT) if wait == wait else None


def _error(body: bytes) -> tuple[str, str]:
    """Returns code and message; both empty if the answer is not from Teams, such as a proxy's page."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    error = found.get("error") if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("code") or "")[:80], " ".join(str(error.get("message") or "").split())[:200]
