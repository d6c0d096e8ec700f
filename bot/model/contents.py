"""What a message shows: a text that is stored, or something that is rendered when it is sent."""

from __future__ import annotations

from dataclasses import dataclass

from bot.model.views import Audience, Notice, SharedFile


@dataclass(frozen=True, slots=True)
class Card:
    """A ticket's card. It is rendered when it is sent, so it never shows an outdated state."""

    audience: Audience


@dataclass(frozen=True, slots=True)
class StandingHelp:
    """The `Get help` message of a customer channel. It is rendered when it is sent."""


@dataclass(frozen=True, slots=True)
class TicketBoard:
    """The board of a customer channel's open tickets. It is rendered when it is sent."""


@dataclass(frozen=True, slots=True)
class EventReport:
    """An event of a ticket, by its number, for a webhook. It is rendered when it is sent."""

    ticket: str
    seq: int


MessageContent = Card | Notice | SharedFile | StandingHelp | TicketBoard | EventReport
