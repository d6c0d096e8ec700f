"""Recognizes direct messages that are only polite, such as “Thanks!”, and so are no request for help."""

from __future__ import annotations

import re

WELCOME = "You are welcome."

_EMOJI_NAME = re.compile(r":[a-z0-9_+'-]+:")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_THANKS = frozenset(
    {
        *(
            "thanks",
            "thank",
            "thx",
            "ty",
            "cheers",
            "danke",
            "merci",
            "gracias",
            "grazie",
            "obrigado",
            "obrigada",
        ),
        *("tak", "takk", "tack", "bedankt", "kiitos"),
    }
)
_ALONE = frozenset(
    {
        *(
            "ok",
            "okay",
            "great",
            "perfect",
            "nice",
            "cool",
            "super",
            "awesome",
            "fine",
            "brilliant",
            "lovely",
        ),
        "dank",
    }
)
"""Words that are polite without a word of thanks."""
_POLITE = frozenset(
    {
        *_THANKS,
        *_ALONE,
        *(
            "you",
            "so",
            "much",
            "very",
            "a",
            "lot",
            "again",
            "all",
            "for",
            "your",
            "the",
            "help",
            "that",
            "this",
        ),
        *(
            "it",
            "is",
            "was",
            "good",
            "got",
            "works",
            "now",
            "everyone",
            "team",
            "many",
            "done",
            "solved",
            "fixed",
        ),
        *("vielen", "schön", "beaucoup", "muchas", "mille", "mange", "tusen"),
    }
)
LONGEST = 8
"""Words of the longest message that may count as polite; a longer one may describe a problem."""


def is_polite_only(text: str) -> bool:
    """Whether a text thanks or agrees, and says nothing else. An emoji alone counts, an empty text does not.

    Doubtful texts are not: offering a ticket for nothing is better than ignoring a request.
    """
    if not text.strip():
        return False
    words = _WORD.findall(_EMOJI_NAME.sub(" ", text.casefold().replace("’", "'")))
    if len(words) > LONGEST or any(mark in text for mark in "?\n") or re.search(r"\d", text):
        return False
    return all(word in _POLITE for word in words) and (not words or bool({*words} & (_THANKS | _ALONE)))
