"""The line in triage about a customer's messages that belong to no ticket."""

from __future__ import annotations

from collections.abc import Sequence

from bot.model.address import Location
from bot.model.views import Button, Link, Notice, Part, Quote, Strong, Style
from sla_core.promise import Tone

OPEN, DISMISS = "unticketed_open", "unticketed_dismiss"
"""The actions of the line's buttons."""
LONGEST_QUOTE = 300
DELETED = Notice(())
"""What the line shows once all of the messages are deleted: nothing."""
ONLY_AGENTS = "Only agents can do that."
ENDED = (
    "This message has an answer or a ticket already, or is more than a month old. "
    "To open a ticket, mention me here."
)


def waiting(name: str, account: str, words: Sequence[str], first: Location, button_value: str) -> Notice:
    """Says that nobody has answered these messages of one person. `first`: where the first one is."""
    buttons = (
        Button(OPEN, "Open ticket", button_value, Style.PRIMARY),
        Button(DISMISS, "Not a request", button_value),
    )
    return Notice((*_wrote(name, account, words), "Nobody has answered.", *_where(first)), buttons=buttons)


def answered(name: str, account: str, words: Sequence[str], first: Location, by: str) -> Notice:
    return _over(name, account, words, first, f"{by} answered.")


def is_ticket(name: str, account: str, words: Sequence[str], first: Location, key: str) -> Notice:
    return _over(name, account, words, first, "This is now ticket ", Strong(key), ".")


def dismissed(name: str, account: str, words: Sequence[str], first: Location, by: str) -> Notice:
    return _over(name, account, words, first, f"Not a request, says {by}.")


def _over(name: str, account: str, words: Sequence[str], first: Location, *what: Part) -> Notice:
    return Notice((*_wrote(name, account, words), *what, *_where(first)), Tone.DONE)


def _wrote(name: str, account: str, words: Sequence[str]) -> tuple[Part, ...]:
    how = "wrote" if len(words) == 1 else f"wrote {len(words)} messages"
    text = "\n".join(words)
    cut = text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE].rstrip()}…"
    return (Strong(f"{name} of {account}"), f" {how}:", Quote(cut))


def _where(first: Location) -> tuple[Part, ...]:
    if first.url:
        return " ", Link(first.url, "Open the message")
    return (f" It is in {first.channel}.",) if first.channel else ()
