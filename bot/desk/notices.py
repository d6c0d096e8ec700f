"""Notices that belong to no ticket: kept until they are said, like all that the desk says."""

from __future__ import annotations

import json

from bot.address import Place, UserRef
from bot.desk.alone import alone
from bot.desk.core import Desk
from bot.ports import Never, Notebook, NotNow
from bot.views import Notice
from sla_core.countdown import Tone

TOPIC = "notice"


async def owe(notebook: Notebook, key: str, to: Place | UserRef, text: str) -> None:
    """Have this said; the same key again is the same notice."""
    kind = "place" if isinstance(to, Place) else "person"
    await notebook.note(TOPIC, key, json.dumps({kind: str(to), "text": text}))


async def say(desk: Desk, notebook: Notebook) -> list[str]:
    """Say what is owed. Gives one line for each that did not go through.

    Triage is tried until it takes them; a person who cannot be written to is not tried again. A crash
    between saying and remembering says one twice, which nobody minds.
    """
    async with desk.tending:
        if not await notebook.notes(TOPIC):
            return []
        async with alone(notebook, TOPIC) as is_ours:
            owed = sorted(await notebook.notes(TOPIC)) if is_ours else []
            told = [await _said(desk, notebook, key) for key in owed]
    return [line for line in told if line]


async def _said(desk: Desk, notebook: Notebook, key: str) -> str:
    """Why it did not go through; empty where nothing is owed any more, or it cannot be tried here."""
    owed = await notebook.noted(TOPIC, key)
    if owed is None:
        return ""
    notice = json.loads(owed)
    to = Place.parse(notice["place"]) if "place" in notice else UserRef.parse(notice["person"])
    platform = desk.platforms.get(to.platform)
    if platform is None:
        return ""
    problem = ""
    try:
        at = desk.directory.now_at(to) if isinstance(to, Place) else to
        await platform.post(at, Notice((notice["text"],), Tone.WARN), None)
    except (NotNow, Never) as why:
        problem = f"a notice to {to} did not go through ({why}): {notice['text']}"
        if isinstance(why, NotNow) or isinstance(to, Place):
            return problem
    await notebook.forget(TOPIC, key)
    return problem
