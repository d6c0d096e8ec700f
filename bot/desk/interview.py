"""The intake form asked question by question, where no form can be opened or somebody prefers it so.

Whoever pressed `Answer here` answers: by buttons, or by writing in the thread. What was answered is durable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog
from pydantic import TypeAdapter, ValidationError

from bot.address import Actor, MessageRef, Place
from bot.clock import real_now
from bot.desk import intake, offers
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
from bot.exchange import Answer, Ask, Command, Done, Filling, Posted, Press, Show, Submission
from bot.forms import ChoiceField, Form, TextField
from bot.ports import ChatPlatform, Never, NotNow
from bot.views import Mention, Notice, Part, Rich, Strong
from sla_core.countdown import Tone

log = structlog.get_logger(__name__)

TOPIC = "interview"
ROOTS = "interview-root"
"""Messages of ours below which questions are asked."""
LONGEST_PAUSE = timedelta(days=1)
"""After a longer one, in real time, the questions are over."""
_KEPT: TypeAdapter[Interview] = TypeAdapter(Interview)
_OVER = (
    "These questions are over, or somebody else is asked. What came of them stands where they were; "
    "to tell of something else, press Get help."
)
_NOT_ADDED = "What you wrote last is not part of it: press Back to change an answer, or Open ticket."
_GONE_ON = "This question is not the one that is asked now; go on below."


async def asks(desk: Desk, actor: Actor, root: MessageRef) -> bool:
    """Whether somebody is being asked in this message's thread."""
    return await _held(desk, _name(root.place, root.id, actor)) is not None


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
            if held.question is None:
                return await _asked(desk, name, held)
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
    direct = press.place.direct
    try:
        thread = "" if direct else carried.thread or await _own_thread(desk, press)
    except (NotNow, Never) as why:
        log.warning("questions not begun", why=str(why))
        return refusal("Nothing can be posted in this channel at the moment; please try again in a minute.")
    name = _name(press.place, thread, press.actor)
    async with desk.turns.of(name):
        held = await _held(desk, name)
        if held is not None:
            repeated = held.key == press.key and held.question is not None
            return Done() if repeated else await _asked(desk, name, held)
        form = _bare(answer.form)
        held = Interview(press.key, press.place, thread, press.actor, form, None, press.at).going_on()
        return await _asked(desk, name, held, answer.form.intro)


async def _own_thread(desk: Desk, press: Press) -> str:
    """A message of ours to ask below, where the button stood in no thread. Raises NotNow, Never."""
    who = Mention(press.actor.user, press.actor.name)
    view = Notice((who, " Let us open a ticket: the questions follow in this thread, please answer there."))
    root = await desk.platforms[press.place.platform].post(press.place, view, None, f"{TOPIC}/{press.key}")
    await desk.notebook.note(ROOTS, f"{root.place}/{root.id}", str(press.actor.user))
    return root.id


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
            return await _asked(desk, name, await _taken(desk, name, held, (option,)))
        case "next" | "keep" if field is not None and value_of(field):
            return await _asked(desk, name, await _taken(desk, name, held, value_of(field)))
        case "skip" if field is not None and not field.required:
            return await _asked(desk, name, await _taken(desk, name, held, ()))
        case "back":
            await _redraw(desk, held, _closed(held))
            return await _asked(desk, name, held.going_back())
        case "cancel":
            return await _cancel(desk, name, held)
        case "send" if field is None:
            return await _send(desk, name, held, act)
        case _:
            return refusal(_GONE_ON)


# By writing -----------------------------------------------------------------------------------


async def heard(desk: Desk, said: Posted) -> Answer | None:
    """What was written as the answer to the question that stands; None where nobody is asked.

    Raises NotNow where the next question could not be asked: the same message again asks it.
    """
    if said.thread is None and not said.place.direct:
        return None
    thread = said.thread.id if said.thread and not said.place.direct else ""
    name = _name(said.place, thread, said.actor)
    async with desk.turns.of(name):
        held = await _held(desk, name)
        if held is None:
            ours = thread and await desk.notebook.noted(ROOTS, f"{said.place}/{thread}")
            return Done() if ours else None
        if said.message.id in held.heard:
            if held.question is None:
                await _ask(desk, name, held)
            return Done()
        try:
            return await _wrote(desk, name, held, said)
        except (NotNow, Never) as why:
            if isinstance(why, NotNow) and why.after is None:
                raise
            log.warning("question not posted", why=str(why))
            held = await _held(desk, name)
            return Show(held.draw(await _outlook(desk, held))) if held else Done()


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


async def _asked(desk: Desk, name: str, held: Interview, intro: Sequence[Part] = ()) -> Answer:
    """The question for whoever pressed a button: in the thread, else to them alone."""
    try:
        return await _ask(desk, name, held, intro)
    except (NotNow, Never) as why:
        log.warning("question not posted", why=str(why))
        return Show(held.draw(await _outlook(desk, held)))


async def _ask(desk: Desk, name: str, held: Interview, intro: Sequence[Part] = ()) -> Answer:
    """Raises NotNow, Never; the answer before is kept all the same, and the question is asked again."""
    held = replace(held, count=held.count + 1, question=None)
    await _keep(desk, name, held)
    view = held.draw(await _outlook(desk, held))
    if intro:
        view = replace(view, text=(*intro, "\n\n", *view.text))
    asked = await _platform(desk, held).post(
        held.place, view, _root(held), f"{TOPIC}/{held.key}/{held.count}"
    )
    await _keep(desk, name, replace(held, question=asked.id))
    return Done()


async def _send(desk: Desk, name: str, held: Interview, act: Press | Posted) -> Answer:
    """The same as a form that is sent; it counts once, however often it is pressed."""
    form = held.form
    files = held.files if form.takes_files else ()
    sent = Submission(f"{TOPIC}/{held.key}", act.at, act.actor, form.id, held.values, form.context, files)
    taken = await intake.take(desk, as_one(sent))
    if isinstance(taken.answer, Ask):
        await _redraw(desk, held, Notice((Strong("Something is still missing."),), Tone.WARN))
        return await _asked(desk, name, held.sent_back(_bare(taken.answer.form)))
    if taken.ticket is None:
        return taken.answer
    await desk.notebook.forget(TOPIC, name)
    key = Strong(taken.ticket)
    thanks = ("\n\nThank you, that is all. It is in ", key, " now; please go on in the thread of its card.")
    review = (Strong("This is what you told:"), *held.all_told(), *thanks)
    await _redraw(desk, held, Notice(review, Tone.DONE))
    await _replace(
        desk, held, form.context.get(OFFER), Notice(("What was told here is in ", key, "."), Tone.DONE)
    )
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
    await _replace(desk, held, held.question, view)


async def _replace(desk: Desk, held: Interview, message: str | None, view: Notice) -> None:
    """A message of ours where the questions are asked, if it is known."""
    if message is None:
        return
    try:
        await _platform(desk, held).update(MessageRef(held.place, message), view)
    except (NotNow, Never) as why:
        log.warning("question not redrawn", why=str(why))


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


def _platform(desk: Desk, held: Interview) -> ChatPlatform:
    return desk.platforms[held.place.platform]


def _root(held: Interview) -> MessageRef | None:
    return MessageRef(held.place, held.thread) if held.thread else None
