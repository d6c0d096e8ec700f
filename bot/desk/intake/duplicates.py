"""Open tickets that may be about the same problem as a summary."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from bot.config.settings import Account
from bot.desk.desk import Desk
from sla_core.events import Opened
from sla_core.ticket import State, Ticket

MAX_COMPARED = 12
"""How many of the account's open tickets a summary is compared with, the newest."""

MOST_DUPLICATES = 3
_WORD = re.compile(r"\w{3,}")
_STOP_WORD_LIST = """
about after again all also and any are been before but can cannot could did does doing don for from get
gets getting got had has have help her here him his how into isn issue its just like more most much not
now off one only our out over please problem seem she should since some still support that the their
them then there these they this those too very want was way were what when where which while who why
will with work works working would you your
"""
_STOP_WORDS = frozenset(_STOP_WORD_LIST.split())
"""Words that say nothing about the problem."""


@dataclass(frozen=True, slots=True)
class PossibleDuplicate:
    """An open ticket, and the words that its summary shares with the new one."""

    ticket: Ticket
    words: tuple[str, ...]


def possible_duplicates(
    summary: str, open_tickets: Iterable[tuple[str, Opened]]
) -> list[tuple[str, tuple[str, ...]]]:
    """Tickets that share at least two words and half of the shorter summary, most similar first.

    Two summaries of a single word each match if the word is the same.
    """
    words = _significant_words(summary)
    found = []
    for key, opened in open_tickets:
        theirs = _significant_words(opened.summary)
        shared = words.keys() & theirs.keys()
        if not shared:
            continue
        fewer = min(len(words), len(theirs))
        same_word = len(words) == len(theirs) == len(shared) == 1
        if same_word or (len(shared) > 1 and 2 * len(shared) >= fewer):
            found.append((key, tuple(word for stem, word in words.items() if stem in shared)))
    return sorted(found, key=lambda each: -len(each[1]))[:MOST_DUPLICATES]


@lru_cache(maxsize=4096)
def _significant_words(text: str) -> Mapping[str, str]:
    """The significant words by their compared form: lower case, without a plural's s."""
    words = (word for word in _WORD.findall(text.casefold()) if word not in _STOP_WORDS)
    return {word.removesuffix("s") if len(word) > 3 else word: word for word in words}


async def duplicate_tickets(desk: Desk, account: Account, summary: str) -> list[PossibleDuplicate]:
    """The account's newest open tickets that may be about the same problem as this summary."""
    if not summary.strip():
        return []
    newest = await desk.store.open_tickets(account.id, MAX_COMPARED)
    found = [(await desk.ticket(key), words) for key, words in possible_duplicates(summary, newest)]
    return [PossibleDuplicate(ticket, words) for ticket, words in found if ticket.state is State.OPEN]
