"""What somebody had filled in and not sent: kept a day for the same person in the same place."""

from __future__ import annotations

import json
from datetime import timedelta

from bot.address import Actor, Place
from bot.clock import real_now
from bot.desk.core import Desk
from sla_core.triage import Answers

TOPIC = "draft"
LIFE = timedelta(hours=24)


async def save_draft(desk: Desk, actor: Actor, place: Place, values: Answers) -> dict[str, tuple[str, ...]]:
    """Fields that are named replace what was kept of them; the others stay. Gives all of it."""
    merged = await draft(desk, actor, place) | {name: tuple(given) for name, given in values.items()}
    if any(any(part.strip() for part in given) for given in merged.values()):
        # The version before, which may run beside this one, reads `at`.
        note = json.dumps({"at": desk.clock.now().isoformat(), "values": merged}, ensure_ascii=False)
        await desk.key_values.put(TOPIC, _key(actor, place), note, real_now() + LIFE)
    return merged


async def draft(desk: Desk, actor: Actor, place: Place) -> dict[str, tuple[str, ...]]:
    """Nothing where there is none, or none of the last day."""
    note = await desk.key_values.get(TOPIC, _key(actor, place))
    return {name: tuple(given) for name, given in json.loads(note)["values"].items()} if note else {}


async def delete_draft(desk: Desk, actor: Actor, place: Place) -> None:
    if await desk.key_values.get(TOPIC, _key(actor, place)):
        await desk.key_values.delete(TOPIC, _key(actor, place))


def _key(actor: Actor, place: Place) -> str:
    return f"{place} {actor.user}"
