"""A promise as parts of an Adaptive Card: how it stands, when it is due."""

from __future__ import annotations

from adapters.teams.card_parts import columns, container, rich_text, text_line
from adapters.teams.limits import LONGEST_FIELD, LONGEST_LABEL, Json
from adapters.teams.text import CardTextRenderer, cut, runs
from bot.views import PromiseLine
from sla_core.countdown import Phase, Tone

TONES = {Tone.CALM: "", Tone.WARN: "⚠️ ", Tone.ALARM: "🚨 ", Tone.DONE: "✅ "}
_PHASES = {Phase.OFF_HOURS: "🌙", Phase.ON_HOLD: "⏸️", Phase.ENDED: "⏹️"}
_RUNNING = {Tone.CALM: "🕒", Tone.WARN: "⚠️", Tone.ALARM: "🚨", Tone.DONE: "✅"}
_STEPS = 6


def full_promise(line: PromiseLine, renderer: CardTextRenderer) -> Json:
    """On a ticket's card."""
    broken = line.phase is Phase.BREACHED
    loud: Json = {"weight": "Bolder", **({"color": "Attention"} if broken else {})}
    first = runs(f"{_symbol(line)} {cut(line.label, LONGEST_LABEL)}", weight="Bolder")
    stands = runs(cut(line.standing, LONGEST_LABEL), **loud)
    items = [
        columns(
            [rich_text(first)],
            [rich_text(stands, horizontalAlignment="Right")],
            widths=["stretch", "auto"],
        )
    ]
    instants = [f"goal {renderer.when(line.goal_at)}"] if line.goal_at else []
    below = [*instants, *filter(None, [due_text(line, renderer)])]
    if not _is_over(line):
        below[:1] = [f"{_bar(1.0 if broken else line.spent)}  {below[0] if below else ''}".strip()]
    for text in below:
        told: Json = {"type": "TextRun", "text": text, "size": "Small", "isSubtle": True}
        items.append(rich_text([told], spacing="None"))
    if line.note:
        note = text_line(cut(line.note, LONGEST_FIELD), size="Small", isSubtle=True)
        items.append({**note, "spacing": "None"})
    return container(items, separator=True, spacing="Medium")


def short_promise(line: PromiseLine, renderer: CardTextRenderer) -> Json:
    """Where there is one line for it."""
    color: Json = {"color": "Attention"} if line.phase is Phase.BREACHED else {}
    words = f"{_symbol(line)} {cut(line.label, LONGEST_LABEL)}: {cut(line.standing, LONGEST_LABEL)}"
    shown = runs(words, size="Small", **color)
    if due := due_text(line, renderer):
        shown.append({"type": "TextRun", "text": f", {due}", "size": "Small", "isSubtle": True})
    return rich_text(shown, spacing="None")


def due_text(line: PromiseLine, renderer: CardTextRenderer) -> str:
    """Safe in both kinds of text."""
    if line.due_at is None:
        return ""
    was = "was " if _is_over(line) or line.phase is Phase.BREACHED else ""
    return f"{was}due {renderer.when(line.due_at)}"


def _is_over(line: PromiseLine) -> bool:
    return line.phase in (Phase.MET, Phase.ENDED)


def _symbol(line: PromiseLine) -> str:
    """Says the standing by its shape too, for those who see no colours."""
    if line.phase is Phase.MET:
        return "✅"
    if line.phase is Phase.BREACHED:
        return "🚨"
    if line.tone in (Tone.WARN, Tone.ALARM):
        return _RUNNING[line.tone]
    return _PHASES.get(line.phase, _RUNNING[line.tone])


def _bar(spent: float) -> str:
    full = int(min(max(spent, 0.0), 1.0) * _STEPS)
    return "▰" * full + "▱" * (_STEPS - full)
