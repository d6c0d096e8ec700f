"""The intake form asked question by question, where no form can be opened or somebody prefers it so.

Whoever pressed `Answer here` answers: by buttons, or by writing in the thread. What was answered is durable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import structlog
from pydantic import TypeAdapter, ValidationError

from bot.address import Actor, MessageRef, Place
from bot.clock import real_now
from bot.desk import intake, notices, offers
from bot.desk.carried import Carried, unpacked
from bot.desk.core import Desk, refusal
from bot.desk.forms import as_one
from bot.desk.intake_form import OFFER
from bot.desk.questions import (
    BACK,
    BEGIN,
    CANCEL,
    PICK,
    SKIP,
    Interview,
    answered,
    field_with,
    told,
    understood,
    value_of,
)
from bot.exchange import Answer, Ask, Command, Done, Filling, Posted, Press, Submission
from bot.forms import ChoiceField, Form, TextField
from bot.ports import Message, Notebook, Priority, trace_id
from bot.views import Mention, Notice, Part, Rich, Strong
from sla_core.countdown import Tone

log = structlog.get_logger(__name__)

TOPIC = "interview"
"""What the keys of its messages begin with."""
ROOT = f"{TOPIC}/root"
"""What those of messages of ours begin with below which questions are asked."""
ROOTS = "interview-root"
"""The notes in which an earlier version kept these messages."""
LONGEST_PAUSE = timedelta(days=1)
"""After a longer one, in real time, the questions are over."""
_KEPT: TypeAdapter[Interview] = TypeAdapter(Interview)
_OVER = (
    "These questions are over, or somebody else is asked. What came of them stands where they were; "
    "to tell of something else, press Get help."
)
_NOT_ADDED = "What you wrote last is not part of it: press Back to change an answer, or Open ticket."
_CANNOT_ASK = (
    "The questions that you began cannot be posted in that channel. Please write to me here what happened."
)
_GONE_ON = "This question is not the one that is asked now; go on below."


async def asks(desk: Desk, actor: Actor, root: MessageRef) -> bool:
    """Whether somebody is being asked in this message's thread."""
    thread, _ = await _thread_of(desk, root)
    return await _held(desk, _name(root.place, thread, actor)) is not None


# By buttons -----------------------------------------------------------------------------------


async def pressed(desk: Desk, press: Press) -> Answer:
    """Any button of an interview."""
    verb, _, rest = press.value.partition("|")
    if verb == BEGIN:
        return await _begin(desk, press, await unpacked(desk, rest))
    thread, _, rest = rest.partition("|")
    name = _name(press.place, thread, press.actor)
    async with desk.turns.of(name):
        held = await _held(desk, name)
        if held is None:
            return refusal(_OVER)
        at, _, option = rest.partition("|")
        if at != (held.at or ""):
            was = next((field for field in held.form.fields if field.id == at), None)
            twice = verb == PICK and was is not None and option in value_of(was)
            if held.standing is None:
                return await _ask(desk, name, held)
            return Done() if twice else refusal(_GONE_ON)
        held = replace(held, last=press.at)
        return await _stepped(desk, name, held, press, verb, option)


async def _begin(desk: Desk, press: Press, carried: Carried) -> Answer:
    """The first question that this does not answer; or again the one that stands."""
    begun = Command(press.key, press.at, press.actor, press.place, press.action, carried.text)
    if over := await offers.is_taken(desk, press):
        return over
    answer = await intake.command(desk, begun, offers.offer_of(press))
    if not isinstance(answer, Ask):
        return answer
    thread, ours = await _where(desk, press, carried)
    name = _name(press.place, thread, press.actor)
    async with desk.turns.of(name):
        held = await _held(desk, name)
        if held is not None:
            repeated = held.key == press.key and held.standing is not None
            return Done() if repeated else await _ask(desk, name, held)
        form = _bare(answer.form)
        held = Interview(press.key, press.place, thread, press.actor, form, None, press.at, ours=ours)
        return await _ask(desk, name, held.going_on(), answer.form.intro)


async def _where(desk: Desk, press: Press, carried: Carried) -> tuple[str, bool]:
    """The thread to ask in, and whether it is below a message of ours: posted now if there is none yet."""
    if press.place.direct:
        return "", False
    if carried.thread:
        return await _thread_of(desk, MessageRef(press.place, carried.thread))
    who, name = Mention(press.actor.user, press.actor.name), trace_id(press.key)
    view = Notice((who, " Let us open a ticket: the questions follow in this thread, please answer there."))
    await desk.store.enqueue([Message(_root_key(press.place, name), None, press.place, view, Priority.STATE)])
    return name, True


async def _stepped(desk: Desk, name: str, held: Interview, act: Press, verb: str, option: str) -> Answer:
    field = held.field
    match verb:
        case "pick" if isinstance(field, ChoiceField) and option in {each.id for each in field.options}:
            if field.many:
                chosen = {*field.value} ^ {option}
                value = tuple(each.id for each in field.options if each.id in chosen)
                held = held.given(field.id, value)
                await _redraw(desk, held, held.draw())
                await _keep(desk, name, held)
                return Done()
            return await _ask(desk, name, await _taken(desk, name, held, (option,)))
        case "next" | "keep" if field is not None and value_of(field):
            return await _ask(desk, name, await _taken(desk, name, held, value_of(field)))
        case "skip" if field is not None and not field.required:
            return await _ask(desk, name, await _taken(desk, name, held, ()))
        case "back":
            await _redraw(desk, held, _closed(held))
            return await _ask(desk, name, held.going_back())
        case "cancel":
            return await _cancel(desk, name, held)
        case "send" if field is None:
            return await _send(desk, name, held, act)
        case _:
            return refusal(_GONE_ON)


# By writing -----------------------------------------------------------------------------------


async def heard(desk: Desk, said: Posted) -> Answer | None:
    """What was written as the answer to the question that stands; None where nobody is asked."""
    if said.thread is None and not said.place.direct:
        return None
    thread, ours = "", False
    if said.thread and not said.place.direct:
        thread, ours = await _thread_of(desk, said.thread)
    name = _name(said.place, thread, said.actor)
    async with desk.turns.of(name):
        held = await _held(desk, name)
        if held is None:
            return Done() if ours else None
        if said.message.id in held.heard:
            if held.standing is None:
                await _ask(desk, name, held)
            return Done()
        return await _wrote(desk, name, held, said)


async def _wrote(desk: Desk, name: str, held: Interview, said: Posted) -> Answer:
    held = replace(held, last=said.at, heard=(*held.heard, said.message.id), files=(*held.files, *said.files))
    files = (f"(file: {file.name})" for file in said.files)
    text = "\n".join(filter(None, (said.text.strip(), *files)))
    field, word = held.field, text.casefold().rstrip(".")
    if word == CANCEL:
        return await _cancel(desk, name, held)
    if word == BACK:
        await _redraw(desk, held, _closed(held))
        return await _ask(desk, name, held.going_back())
    if field is None and word == held.form.submit.casefold():
        return await _send(desk, name, held, said)
    if field is None:
        await _redraw(desk, held, Notice(("What you told is kept; it stands below again.",)))
        return await _ask(desk, name, held.with_note(_NOT_ADDED))
    if word == SKIP and not field.required:
        return await _ask(desk, name, await _taken(desk, name, held, ()))
    value = understood(field, text)
    if isinstance(value, str):
        await _redraw(desk, held, _closed(held))
        return await _ask(desk, name, held.faulty(value))
    return await _ask(desk, name, await _taken(desk, name, held, value))


# Going on -------------------------------------------------------------------------------------


async def _taken(desk: Desk, name: str, held: Interview, value: tuple[str, ...]) -> Interview:
    """With this answer kept, and its question closed."""
    field = held.field
    assert field is not None
    after = held.given(field.id, value)
    after = replace(after, form=_bare(await _anew(desk, after))).going_on()
    await _keep(desk, name, after)
    await _redraw(desk, held, answered(field_with(field, value)))
    return after


async def _anew(desk: Desk, held: Interview) -> Form:
    """The form that follows from the answers so far, and what it would lead to."""
    form, key = held.form, f"{TOPIC}/{held.key}/{held.count}"
    filling = Filling(key, held.last, held.actor, form.id, held.values, form.context)
    answer = await intake.filling(desk, filling)
    return replace(answer.form.filled(held.values), errors=form.errors) if isinstance(answer, Ask) else form


def _bare(form: Form) -> Form:
    """As it is kept: without what is said around the questions."""
    return replace(form, intro=(), outlook=())


async def _ask(desk: Desk, name: str, held: Interview, intro: Sequence[Part] = ()) -> Answer:
    """Posts the question, or all that was told. A crash before it is kept repeats it under the same key."""
    held = replace(held, count=held.count + 1)
    key, view = f"{TOPIC}/{held.key}/{held.count}", held.draw(await _outlook(desk, held))
    if intro:
        view = replace(view, text=(*intro, "\n\n", *view.text))
    thread = await _thread_key(desk, held)
    await desk.store.enqueue([Message(key, None, held.place, view, Priority.STATE, thread)])
    await _keep(desk, name, replace(held, standing=key))
    return Done()


async def refused(desk: Desk, message: Message, why: str) -> None:
    """A question cannot be posted where it was to be: whoever is asked learns that directly."""
    for name in await desk.notebook.notes(TOPIC):
        held = await _held(desk, name)
        if held is not None and held.standing == message.key:
            await desk.notebook.forget(TOPIC, name)
            await notices.owe(desk, f"{message.key}/refused", held.actor.user, _CANNOT_ASK)


async def _send(desk: Desk, name: str, held: Interview, act: Press | Posted) -> Answer:
    """The same as a form that is sent; it counts once, however often it is pressed."""
    form = held.form
    files = held.files if form.takes_files else ()
    sent = Submission(f"{TOPIC}/{held.key}", act.at, act.actor, form.id, held.values, form.context, files)
    taken = await intake.take(desk, as_one(sent))
    if isinstance(taken.answer, Ask):
        await _redraw(desk, held, Notice((Strong("Something is still missing."),), Tone.WARN))
        return await _ask(desk, name, held.sent_back(_bare(taken.answer.form)))
    if taken.ticket is None:
        return taken.answer
    await desk.notebook.forget(TOPIC, name)
    key = Strong(taken.ticket)
    thanks = ("\n\nThank you, that is all. It is in ", key, " now; please go on in the thread of its card.")
    review = (Strong("This is what you told:"), *held.all_told(), *thanks)
    await _redraw(desk, held, Notice(review, Tone.DONE))
    if offer := form.context.get(OFFER):
        there = await _adopted(desk, held.place, offer)
        await _edit(desk, held, there, Notice(("What was told here is in ", key, "."), Tone.DONE))
    return taken.answer


async def _cancel(desk: Desk, name: str, held: Interview) -> Answer:
    """What was told stays in sight, to be copied."""
    await desk.notebook.forget(TOPIC, name)
    texts = [field for field in held.form.fields if isinstance(field, TextField) and field.value]
    parts = [part for field in texts for part in ("\n", *told(field))]
    await _redraw(desk, held, Notice((Strong("Given up; no ticket was opened."), *parts)))
    return Done()


def _closed(held: Interview) -> Notice:
    """What is left of a question that is asked again further down."""
    return answered(held.field) if held.field else Notice(("You went back; what you told is kept.",))


async def _redraw(desk: Desk, held: Interview, view: Notice) -> None:
    """The standing question; its old buttons do no harm where that fails."""
    if held.standing is not None:
        await _edit(desk, held, held.standing, view)


async def _edit(desk: Desk, held: Interview, edits: str, view: Notice) -> None:
    key = f"{edits}/{uuid4().hex[:12]}"
    await desk.store.enqueue([Message(key, None, held.place, view, Priority.STATE, edits=edits)])


async def _outlook(desk: Desk, held: Interview) -> Rich:
    """What sending it will lead to, once all is answered."""
    return () if held.field is not None else (await _anew(desk, held)).outlook


# Remembering ----------------------------------------------------------------------------------


def _name(place: Place, thread: str, actor: Actor) -> str:
    return f"{place}/{thread}/{actor.user}"


async def _held(desk: Desk, name: str) -> Interview | None:
    """None once it is over."""
    text = await desk.notebook.noted(TOPIC, name)
    if text is None:
        return None
    try:
        return _KEPT.validate_json(text)
    except ValidationError as wrong:
        log.warning("interview of another version", faults=wrong.error_count())
        return None


async def _keep(desk: Desk, name: str, held: Interview) -> None:
    await desk.notebook.note(TOPIC, name, _KEPT.dump_json(held).decode(), real_now() + LONGEST_PAUSE)


# Threads --------------------------------------------------------------------------------------


async def take_over(desk: Desk, notebook: Notebook) -> None:
    """Adopts the messages that an earlier version posted to ask below."""
    for name in await notebook.notes(ROOTS):
        place, _, id = name.rpartition("/")
        await _adopted(desk, Place.parse(place), id, ROOT)
        await notebook.forget(ROOTS, name)


async def _thread_of(desk: Desk, root: MessageRef) -> tuple[str, bool]:
    """What an interview below this message knows it by, and whether it is one of ours."""
    key = await desk.key_of(root)
    if key is not None and key.startswith(f"{ROOT}/"):
        return key.rpartition("/")[2], True
    return root.id, False


async def _thread_key(desk: Desk, held: Interview) -> str | None:
    """The key of the message in whose thread the questions are asked; a person's is adopted."""
    if not held.thread:
        return None
    return _root_key(held.place, held.thread) if held.ours else await _adopted(desk, held.place, held.thread)


def _root_key(place: Place, name: str) -> str:
    return f"{ROOT}/{place}/{name}"


async def _adopted(desk: Desk, place: Place, id: str, kind: str = f"{TOPIC}/other") -> str:
    """The key of a message that the outbox did not send."""
    ref = MessageRef(place, id)
    if known := await desk.key_of(ref):
        return known
    key = f"{kind}/{place}/{id}"
    await desk.store.adopt(Message(key, None, place, Notice(()), Priority.STATE), ref)
    return key
