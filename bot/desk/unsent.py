"""What somebody had filled in and not sent: kept a day for the same person in the same place."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from bot.address import Actor, Place
from bot.desk.core import Desk
from sla_core.triage import Answers

TOPIC = "draft"
LIFE = timedelta(hours=24)


async def keep(desk: Desk, actor: Actor, place: Place, values: Answers) -> dict[str, tuple[str, ...]]:
    """Fields that are named replace what was kept of them; the others stay. Gives all of it."""
    before = await kept(desk, actor, place)
    if not before:
        await _forget_old_ones(desk)
    merged = before | {name: tuple(given) for name, given in values.items()}
    if any(any(part.strip() for part in given) for given in merged.values()):
        note = json.dumps({"at": desk.clock.now().isoformat(), "values": merged}, ensure_ascii=False)
        await desk.notebook.note(TOPIC, _key(actor, place), note)
    return merged


async def kept(desk: Desk, actor: Actor, place: Place) -> dict[str, tuple[str, ...]]:
    """Nothing where there is none, or none of the last day."""
    note = await desk.notebook.noted(TOPIC, _key(actor, place))
    if not note or _is_old(desk, note):
        return {}
    return {name: tuple(given) for name, given in json.loads(note)["values"].items()}


async def drop(desk: Desk, actor: Actor, place: Place) -> None:
    if await desk.notebook.noted(TOPIC, _key(actor, place)):
        await desk.notebook.forget(TOPIC, _key(actor, place))


async def _forget_old_ones(desk: Desk) -> None:
    """Nobody's words stay because their author never came back."""
    for key, note in (await desk.notebook.notes(TOPIC)).items():
        if _is_old(desk, note):
            await desk.notebook.forget(TOPIC, key)


def _is_old(desk: Desk, note: str) -> bool:
    return desk.clock.now() - datetime.fromisoformat(json.loads(note)["at"]) >= LIFE


def _key(actor: Actor, place: Place) -> str:
    return f"{place} {actor.user}"
