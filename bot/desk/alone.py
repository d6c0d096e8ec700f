"""One replica at a time: for what is to be said once, and by no one in particular."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from bot.clock import parse_instant, real_now
from bot.ports import Notebook

TOPIC = "at-it"
LIFE = timedelta(minutes=1)
"""How long one that died meanwhile keeps the others from it; far longer than saying something takes."""


@asynccontextmanager
async def alone(notebook: Notebook, what: str) -> AsyncIterator[bool]:
    """Whether nobody else is at it. What was known before is to be looked up anew: they may just have ended.

    Each lays down a claim, then looks for the others'; whoever sees one leaves it to a later round. So at
    most one goes on, and a notebook needs no way to compare and set.
    """
    mine = f"{what}/{uuid4().hex}"
    await notebook.note(TOPIC, mine, real_now().isoformat())
    try:
        yield not await _others(notebook, what, mine)
    finally:
        await notebook.forget(TOPIC, mine)


async def _others(notebook: Notebook, what: str, mine: str) -> bool:
    found = False
    for claim, at in (await notebook.notes(TOPIC)).items():
        if claim == mine or claim.rpartition("/")[0] != what:
            continue
        if real_now() - parse_instant(at) < LIFE:
            found = True
        else:
            await notebook.forget(TOPIC, claim)
    return found
