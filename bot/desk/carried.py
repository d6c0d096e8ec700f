"""What somebody typed where no form can be opened at once; it travels in the buttons that lead to one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from bot.clock import real_now
from bot.desk.core import Desk

LONGEST_BUTTON_VALUE = 900
"""Characters of a button's value that every platform takes; what is longer is kept in the key-value store."""
LIFE = timedelta(days=30)
"""Nobody's words stay because nobody pressed the button."""
TOPIC = "carried"
_KEPT = "kept:"


@dataclass(frozen=True, slots=True)
class Prefill:
    """`thread` is the message in whose thread it is asked on; empty in a direct conversation."""

    text: str = ""
    thread: str = ""


async def pack_prefill(desk: Desk, prefill: Prefill) -> str:
    """As a button's value."""
    if prefill == Prefill():
        return ""
    whole = json.dumps([prefill.thread, prefill.text], ensure_ascii=False)
    if len(whole) <= LONGEST_BUTTON_VALUE:
        return whole
    name = sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    # The version before, which may run beside this one, reads `at`.
    note = json.dumps({"at": desk.clock.now().isoformat(), "carried": whole}, ensure_ascii=False)
    await desk.key_values.put(TOPIC, name, note, real_now() + LIFE)
    return f"{_KEPT}{name}"


async def unpack_prefill(desk: Desk, value: str) -> Prefill:
    """What a button carries; nothing where its value is none of ours, or was kept too long ago."""
    if value.startswith(_KEPT):
        note = await desk.key_values.get(TOPIC, value.removeprefix(_KEPT))
        value = json.loads(note)["carried"] if note else ""
    try:
        thread, text = json.loads(value)
    except (TypeError, ValueError):
        return Prefill()
    return Prefill(str(text), str(thread))
