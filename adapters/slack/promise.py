"""A promise in words and marks: how it stands, when it is due."""

from __future__ import annotations

from adapters.slack.text import MrkdwnRenderer, cut, escape_mrkdwn, strong
from bot.views import PromiseLine
from sla_core.countdown import Phase, Tone

TONES = {Tone.CALM: "", Tone.WARN: "⚠️ ", Tone.ALARM: "🚨 ", Tone.DONE: "✅ "}
_PHASES = {Phase.OFF_HOURS: "🌙", Phase.ON_HOLD: "⏸️", Phase.ENDED: "⏹️"}
_RUNNING = {Tone.CALM: "🕒", Tone.WARN: "⚠️", Tone.ALARM: "🚨", Tone.DONE: "✅"}
_STEPS = 6
_LONGEST = 150
_LONGEST_NOTE = 300


def full_promise(line: PromiseLine, renderer: MrkdwnRenderer) -> str:
    """On a card: its words first, as they are read out, then the bar, then the instants."""
    bar = "" if _is_over(line) else f"  {_bar(1.0 if line.phase is Phase.BREACHED else line.spent)}"
    text = f"{_symbol(line)} {strong(line.label)}  {escape_mrkdwn(line.standing)}{bar}"
    if line.goal_at:
        text += f"\ngoal {renderer.when(line.goal_at)}"
    if due := due_text(line, renderer):
        text += f"\n{due}"
    if line.note:
        text += f"\n{escape_mrkdwn(cut(line.note, _LONGEST_NOTE))}"
    return text


def short_promise(line: PromiseLine, renderer: MrkdwnRenderer) -> str:
    """Where there is one line for it."""
    said = f"{_symbol(line)} {escape_mrkdwn(cut(line.label, _LONGEST))}: {escape_mrkdwn(cut(line.standing, _LONGEST))}"
    due = due_text(line, renderer)
    return f"{said}, {due}" if due else said


def due_text(line: PromiseLine, renderer: MrkdwnRenderer) -> str:
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
