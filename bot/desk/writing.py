"""Two agents who write to the same customer see each other: before they begin, and before they send."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.desk.desk import Desk
from bot.model.address import Actor
from bot.model.forms import Form
from bot.model.views import Part, Quote, RichText, When
from sla_core.events import Answered, Kind, Undelivered
from sla_core.ticket import Ticket

WRITING = "writing"
"""The topic of who has which ticket's form open."""
FOR = timedelta(minutes=5)
"""In real time, how long an opened form counts as being filled in, if no platform says that it was closed."""
KNOWN = "known"
"""The key in a form's context for how many events the ticket had when the form showed it."""
MOST = 3
"""Answers of others that a form shows."""
_WHAT = {"reply": "a reply", "update": "an update", "send_to_customer": "a reply"}


async def begin(desk: Desk, actor: Actor, ticket: Ticket, form: Form) -> Form:
    """The form with who else is writing about the ticket. From now on, others see this actor."""
    others = [part async for part in _others(desk, actor, ticket)]
    now, expires_at = desk.clock.now(), desk.real_clock.now() + FOR
    note = {"name": desk.who(actor).name, "form": form.id, "since": now.isoformat()}
    await desk.key_values.put(WRITING, _key(ticket.key, actor), json.dumps(note), expires_at)
    context = {**form.context, KNOWN: str(len(ticket.history))}
    return replace(form, intro=(*others, *form.intro), context=context)


async def end(desk: Desk, actor: Actor, ticket: str) -> None:
    """The actor has sent or closed the form."""
    await desk.key_values.delete(WRITING, _key(ticket, actor))


async def _others(desk: Desk, actor: Actor, ticket: Ticket) -> AsyncIterator[Part]:
    own = _key(ticket.key, actor)
    for key, stored in sorted((await desk.key_values.get_all(WRITING)).items()):
        if key.startswith(f"{ticket.key} ") and key != own:
            note = json.loads(stored)
            yield f"{note['name']} has been writing {_WHAT[note['form']]} since "
            yield When(datetime.fromisoformat(note["since"]))
            yield ". "


def _key(ticket: str, actor: Actor) -> str:
    return f"{ticket} {actor.user}"


def answered_since(desk: Desk, actor: Actor, ticket: Ticket, context: Mapping[str, str]) -> RichText:
    """What others sent since the form showed the ticket; empty if that is nothing.

    A form of the previous release does not say what it showed.
    """
    known = context.get(KNOWN, "")
    if not known.isdecimal():
        return ()
    me, undone = desk.who(actor), {e.seq for e in ticket.history if isinstance(e, Undelivered)}
    later = [
        event
        for seq, event in enumerate(ticket.history, start=1)
        if seq > int(known) and seq not in undone and isinstance(event, Answered)
        if not desk.directory.same_person(event.by, me)
    ]
    if not later:
        return ()
    said = tuple(part for event in later[-MOST:] for part in _answer(event))
    return (*said, "Please read this first. If your text is still needed, send it again.")


def _answer(event: Answered) -> Iterator[Part]:
    does = {Kind.REPLY: "replied", Kind.UPDATE: "sent an update", Kind.MILESTONE: "told the customer"}
    yield f"{event.by.name} {does.get(event.kind, 'wrote to the customer')} at "
    yield When(event.at)
    yield ":"
    yield Quote(event.text or ", ".join(file.name for file in event.files))


def shown_again(form: Form, ticket: Ticket, answered: RichText) -> Form:
    """The form with what others have sent meanwhile, once: when it is sent again, it goes out."""
    return replace(form, intro=answered, context={**form.context, KNOWN: str(len(ticket.history))})
