"""Messages, threads, modals and channels as plain terminal text."""

import textwrap
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from demo.slack.fake import FakeSlack
from demo.slack.state import Channel, Message, Person
from demo.slack.text import block_lines, message_lines
from demo.slack.view import Input, View

WIDTH = 78


def message(
    slack: FakeSlack, shown: Message, reader: Person, *, now: datetime | None = None, indent: int = 0
) -> str:
    """Renders one message as the reader sees it: author and time, then its lines behind a bar."""
    workspace, zone = slack.workspace, ZoneInfo(reader.tz)
    at = datetime.fromtimestamp(float(shown.ts), UTC).astimezone(zone)
    notes = [f"{at:%H:%M}"]
    notes += ["edited"] if shown.edited else []
    notes += ["only you see this"] if shown.ephemeral_to else []
    head = f"{workspace.users[shown.user].real_name}  {', '.join(notes)}"
    lines = [
        line for whole in message_lines(workspace, shown, reader.tz, now) for line in _wrapped(whole, indent)
    ]
    rule = "│ " if shown.blocks else "  "
    marks = [" ".join(f":{name}: {len(users)}" for name, users in shown.reactions.items())]
    body = lines + [mark for mark in marks if mark]
    return _indented([head, *(f"{rule}{line}".rstrip() for line in body)], indent)


def thread(slack: FakeSlack, parent: Message, reader: Person, *, now: datetime | None = None) -> str:
    """Renders a message and its replies."""
    replies = [message(slack, reply, reader, now=now, indent=4) for reply in slack.thread(parent)]
    return "\n".join([message(slack, parent, reader, now=now), *replies])


def channel(slack: FakeSlack, place: Channel, reader: Person, *, now: datetime | None = None) -> str:
    """Renders a conversation with its threads and the reader's ephemeral messages."""
    own = [entry for entry in slack.ephemerals(reader) if entry.channel == place.id]
    parts = sorted([*slack.messages(place), *own], key=lambda entry: float(entry.ts))
    title = f"Direct messages of {reader.real_name}" if place.is_im else f"#{place.name}"
    return "\n\n".join([title, *(thread(slack, part, reader, now=now) for part in parts)])


def modal(slack: FakeSlack, view: View, *, now: datetime | None = None) -> str:
    """Renders an open form with its current values, options and errors."""
    tz = slack.workspace.users[view.user].tz
    inputs = {(entry.block_id, entry.action_id): entry for entry in view.inputs()}
    lines = [f"┌ {view.title}"]
    for block in view.blocks:
        if block["type"] == "input":
            lines += _input_lines(inputs[block["block_id"], block["element"]["action_id"]])
        else:
            lines += [
                f"│ {part}"
                for line in block_lines(slack.workspace, block, tz, now)
                for part in _wrapped(line, 2)
            ]
    lines += [f"│ ! {view.trouble}"] if view.trouble else []
    close = (view.payload.get("close") or {}).get("text", "Cancel")
    buttons = [f"[ {label} ]" for label in (view.submit_label, close) if label]
    return "\n".join(line.rstrip() for line in [*lines, f"└ {' '.join(buttons)}"])


def _input_lines(entry: Input) -> list[str]:
    label = entry.label + (" (optional)" if entry.optional else "")
    lines = [f"│ {label}"]
    if entry.options:
        chosen = entry.value if isinstance(entry.value, list) else [entry.value]
        for option in entry.all_options:
            mark = "(x)" if option["value"] in chosen else "( )"
            lines.append(f"│   {mark} {option['text']['text']}")
    else:
        typed = "" if entry.value is None else str(entry.value)
        lines += [f"│   > {part}" for part in typed.split("\n")]
    lines += [f"│   {entry.hint}"] if entry.hint else []
    lines += [f"│   ! {entry.error}"] if entry.error else []
    return lines


def _wrapped(line: str, indent: int) -> list[str]:
    return textwrap.wrap(line, WIDTH - indent - 2, break_long_words=False, break_on_hyphens=False) or [""]


def _indented(lines: list[str], indent: int) -> str:
    return "\n".join(f"{' ' * indent}{line}".rstrip() for line in lines)
