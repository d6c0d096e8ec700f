"""The intake form as a conversation, for when no form can be opened or the person prefers questions.

The person who pressed `Answer here` answers by buttons or in the thread. Answers are stored at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import structlog
from pydantic import TypeAdapter, ValidationError

from bot.clock import real_now
from bot.desk import channels
from bot.desk.desk import Desk, refusal
from bot.desk.intake import open
from bot.desk.intake.conversation_steps import (
    BACK,
    BEGIN,
    CANCEL,
    PICK,
    SKIP,
    ConversationalForm,
    answered_question,
    field_with,
    label_and_answer,
    parsed_answer,
    value_of,
)
from bot.desk.intake.prefill import (
    PERSONS_MESSAGE,
    Prefill,
    answered_prompt,
    command_of,
    edit_naming,
    prompt_of,
    unpack_prefill,
)
from bot.model.address import Actor, MessageRef, Place
from bot.model.forms import ChoiceField, Form, TextField, form_key
from bot.model.inbound import Answer, Ask, Done, FormChanged, Posted, Press, Submission
from bot.model.views import Mention, Notice, Part, RichText, Strong
from bot.ports import KeyValueStore, Message, Priority, trace_id
from sla_core.promise import Tone

log = structlog.get_logger(__name__)

TOPIC = "interview"
"""The topic of stored conversations, and the key prefix of their messages."""
ROOT = f"{TOPIC}/root"
"""The key prefix of our messages in whose threads questions are asked."""
ROOTS = "interview-root"
"""The topic in which an earlier version stored these messages."""
LONGEST_PAUSE = timedelta(days=1)
"""In real time. After a longer pause, the conversation has expired."""
_CODEC: TypeAdapter[ConversationalForm] = TypeAdapter(ConversationalForm)
_OVER = "This conversation has ended. To report something else, press Get help."
_NOT_ADDED = (
    "Your last message is not one of your answers. Press Back to change an answer, or Open ticket to finish."
)
_CANNOT_ASK = "I cannot post the questions in that channel. Please tell me here what happened."
_GONE_ON = "You have already answered this question. Please continue below."


async def is_under_way(desk: Desk, actor: Actor, root: MessageRef) -> bool:
    """Whether a conversation with the actor is under way in this message's thread."""
    thread, _ = await _thread_of(desk, root)
    return await _load(desk, _name(root.place, thread, actor)) is not None


# By buttons -----------------------------------------------------------------------------------


async def on_button(desk: Desk, press: Press) -> Answer:
    """Handles every button of a conversation."""
    verb, _, rest = press.value.partition("|")
    if verb == BEGIN:
        return await _begin(desk, press, await unpack_prefill(desk, rest))
    thread, _, rest = rest.partition("|")
    name = _name(press.place, thread, press.actor)
    async with desk.locks.of(name):
        conversation = await _load(desk, name)
        if conversation is None:
            return refusal(_OVER)
        at, _, option = rest.partition("|")
        if at != (conversation.at or ""):
            was = next((field for field in conversation.form.fields if field.id == at), None)
            twice = verb == PICK and was is not None and option in value_of(was)
            if conversation.standing is None:
                return await _ask(desk, name, conversation)
            return Done() if twice else refusal(_GONE_ON)
        conversation = replace(conversation, last=press.at)
        return await _apply_button(desk, name, conversation, press, verb, option)


async def _begin(desk: Desk, press: Press, prefill: Prefill) -> Answer:
    """Asks the first question that the prefill does not answer, or repeats the current one."""
    if over := await answered_prompt(desk, press):
        return over
    answer = await open.command(desk, command_of(press, prefill), prompt_of(press))
    if not isinstance(answer, Ask):
        return answer
    thread, ours = await _thread_for(desk, press, prefill)
    name = _name(press.place, thread, press.actor)
    async with desk.locks.of(name):
        conversation = await _load(desk, name)
        if conversation is not None:
            repeated = conversation.key == press.key and conversation.standing is not None
            return Done() if repeated else await _ask(desk, name, conversation)
        form = _without_texts(answer.form)
        conversation = ConversationalForm(
            press.key, press.place, thread, press.actor, form, None, press.at, ours=ours
        )
        return await _ask(desk, name, conversation.at_next_question(), answer.form.intro)


async def _thread_for(desk: Desk, press: Press, prefill: Prefill) -> tuple[str, bool]:
    """The thread to ask in, and whether its root is our message. Posts a root if there is no thread."""
    if press.place.direct:
        return "", False
    if prefill.thread:
        return await _thread_of(desk, MessageRef(press.place, prefill.thread))
    who, name = Mention(press.actor.user, press.actor.name), trace_id(press.key)
    view = Notice((who, " Let's open a ticket. Please answer the questions in this thread."))
    await desk.store.enqueue([Message(_root_key(press.place, name), None, press.place, view, Priority.STATE)])
    return name, True


async def _apply_button(
    desk: Desk, name: str, conversation: ConversationalForm, act: Press, verb: str, option: str
) -> Answer:
    field = conversation.field
    match verb:
        case "pick" if isinstance(field, ChoiceField) and option in {each.id for each in field.options}:
            if field.many:
                chosen = {*field.value} ^ {option}
                value = tuple(each.id for each in field.options if each.id in chosen)
                conversation = conversation.with_answer(field.id, value)
                await _redraw(desk, conversation, conversation.render())
                await _save(desk, name, conversation)
                return Done()
            return await _ask(desk, name, await _record_answer(desk, name, conversation, (option,)))
        case "next" | "keep" if field is not None and value_of(field):
            return await _ask(desk, name, await _record_answer(desk, name, conversation, value_of(field)))
        case "skip" if field is not None and not field.required:
            return await _ask(desk, name, await _record_answer(desk, name, conversation, ()))
        case "back":
            await _redraw(desk, conversation, _closed(conversation))
            return await _ask(desk, name, conversation.at_previous_question())
        case "cancel":
            return await _cancel(desk, name, conversation)
        case "send" if field is None:
            return await _send(desk, name, conversation, act)
        case _:
            return refusal(_GONE_ON)


# By writing -----------------------------------------------------------------------------------


async def on_message(desk: Desk, said: Posted) -> Answer | None:
    """Takes a message as the answer to the current question. None if no conversation is under way."""
    if said.thread is None and not said.place.direct:
        return None
    thread, ours = "", False
    if said.thread and not said.place.direct:
        thread, ours = await _thread_of(desk, said.thread)
    name = _name(said.place, thread, said.actor)
    async with desk.locks.of(name):
        conversation = await _load(desk, name)
        if conversation is None:
            return Done() if ours else None
        if said.message.id in conversation.heard:
            if conversation.standing is None:
                await _ask(desk, name, conversation)
            return Done()
        return await _apply_text(desk, name, conversation, said)


async def _apply_text(desk: Desk, name: str, conversation: ConversationalForm, said: Posted) -> Answer:
    conversation = replace(
        conversation,
        last=said.at,
        heard=(*conversation.heard, said.message.id),
        files=(*conversation.files, *said.files),
    )
    files = (f"(file: {file.name})" for file in said.files)
    text = "\n".join(filter(None, (said.text.strip(), *files)))
    field, word = conversation.field, text.casefold().rstrip(".")
    if word == CANCEL:
        return await _cancel(desk, name, conversation)
    if word == BACK:
        await _redraw(desk, conversation, _closed(conversation))
        return await _ask(desk, name, conversation.at_previous_question())
    if field is None and word == conversation.form.submit.casefold():
        return await _send(desk, name, conversation, said)
    if field is None:
        await _redraw(desk, conversation, Notice(("Your answers are kept below.",)))
        return await _ask(desk, name, conversation.with_note(_NOT_ADDED))
    if word == SKIP and not field.required:
        return await _ask(desk, name, await _record_answer(desk, name, conversation, ()))
    value = parsed_answer(field, text)
    if isinstance(value, str):
        await _redraw(desk, conversation, _closed(conversation))
        return await _ask(desk, name, conversation.with_error(value))
    return await _ask(desk, name, await _record_answer(desk, name, conversation, value))


# Going on -------------------------------------------------------------------------------------


async def _record_answer(
    desk: Desk, name: str, conversation: ConversationalForm, value: tuple[str, ...]
) -> ConversationalForm:
    """The conversation with this answer stored and its question marked as answered."""
    field = conversation.field
    assert field is not None
    after = conversation.with_answer(field.id, value)
    after = replace(after, form=_without_texts(await _refreshed_form(desk, after))).at_next_question()
    await _save(desk, name, after)
    await _redraw(desk, conversation, answered_question(field_with(field, value)))
    return after


async def _refreshed_form(desk: Desk, conversation: ConversationalForm) -> Form:
    """The form after the answers so far, with an updated preview."""
    form, key = conversation.form, f"{TOPIC}/{conversation.key}/{conversation.count}"
    change = FormChanged(
        key, conversation.last, conversation.actor, form.id, conversation.values, form.context
    )
    answer = await open.form_changed(desk, change)
    return (
        replace(answer.form.filled(conversation.values), errors=form.errors)
        if isinstance(answer, Ask)
        else form
    )


def _without_texts(form: Form) -> Form:
    """The form as it is stored: without the texts around its fields."""
    return replace(form, intro=(), preview=())


async def _ask(desk: Desk, name: str, conversation: ConversationalForm, intro: Sequence[Part] = ()) -> Answer:
    """Posts the current question or the review. A crash before `_save` repeats it under the same key."""
    conversation = replace(conversation, count=conversation.count + 1)
    key, view = (
        f"{TOPIC}/{conversation.key}/{conversation.count}",
        conversation.render(await _preview(desk, conversation)),
    )
    if intro:
        view = replace(view, text=(*intro, "\n\n", *view.text))
    thread = await _thread_key(desk, conversation)
    await desk.store.enqueue([Message(key, None, conversation.place, view, Priority.STATE, thread)])
    await _save(desk, name, replace(conversation, standing=key))
    return Done()


async def on_refused(desk: Desk, message: Message, why: str) -> None:
    """Ends a conversation whose question cannot be posted, and tells the person directly."""
    for name in await desk.key_values.get_all(TOPIC):
        conversation = await _load(desk, name)
        if conversation is not None and conversation.standing == message.key:
            await desk.key_values.delete(TOPIC, name)
            await channels.notify(desk, f"{message.key}/refused", conversation.actor.user, _CANNOT_ASK)


async def _send(desk: Desk, name: str, conversation: ConversationalForm, act: Press | Posted) -> Answer:
    """Submits the form. It counts once, however often Send is pressed."""
    form = conversation.form
    files = conversation.files if form.takes_files else ()
    sent = Submission(
        form_key(form.context) or f"{TOPIC}/{conversation.key}",
        act.at,
        act.actor,
        form.id,
        conversation.values,
        form.context,
        files,
    )
    taken = await open.open_ticket(desk, sent)
    if isinstance(taken.answer, Ask):
        await _redraw(
            desk, conversation, Notice((Strong("Some questions still need an answer."),), Tone.WARN)
        )
        return await _ask(desk, name, conversation.rejected(_without_texts(taken.answer.form)))
    if taken.ticket is None:
        return taken.answer
    await desk.key_values.delete(TOPIC, name)
    key = Strong(taken.ticket)
    thanks = ("\n\nThank you. Your ticket is ", key, ". Please continue in the thread of its card.")
    review = (Strong("Your answers:"), *conversation.answers_so_far(), *thanks)
    if conversation.standing is not None:
        says, standing = Notice(review, Tone.DONE), conversation.standing
        await desk.store.enqueue([edit_naming(taken.ticket, standing, conversation.place, says)])
    return taken.answer


async def _cancel(desk: Desk, name: str, conversation: ConversationalForm) -> Answer:
    """Ends the conversation. The answers stay visible, to be copied."""
    await desk.key_values.delete(TOPIC, name)
    texts = [field for field in conversation.form.fields if isinstance(field, TextField) and field.value]
    parts = [part for field in texts for part in ("\n", *label_and_answer(field))]
    await _redraw(desk, conversation, Notice((Strong("Cancelled. No ticket was opened."), *parts)))
    return Done()


def _closed(conversation: ConversationalForm) -> Notice:
    """What a question turns into when it is asked again further down."""
    return (
        answered_question(conversation.field)
        if conversation.field
        else Notice(("You went back. Your answers are kept.",))
    )


async def _redraw(desk: Desk, conversation: ConversationalForm, view: Notice) -> None:
    """Edits the current question's message. If that fails, its old buttons do no harm."""
    if conversation.standing is not None:
        await _edit(desk, conversation, conversation.standing, view)


async def _edit(desk: Desk, conversation: ConversationalForm, edits: str, view: Notice) -> None:
    key = f"{edits}/{uuid4().hex[:12]}"
    await desk.store.enqueue([Message(key, None, conversation.place, view, Priority.STATE, edits=edits)])


async def _preview(desk: Desk, conversation: ConversationalForm) -> RichText:
    """The form's preview once everything is answered, else empty."""
    return () if conversation.field is not None else (await _refreshed_form(desk, conversation)).preview


# Storage --------------------------------------------------------------------------------------


def _name(place: Place, thread: str, actor: Actor) -> str:
    return f"{place}/{thread}/{actor.user}"


async def _load(desk: Desk, name: str) -> ConversationalForm | None:
    """The stored conversation; None if it is over."""
    text = await desk.key_values.get(TOPIC, name)
    if text is None:
        return None
    try:
        return _CODEC.validate_json(text)
    except ValidationError as wrong:
        log.warning("ignored a conversation of another version", faults=wrong.error_count())
        return None


async def _save(desk: Desk, name: str, conversation: ConversationalForm) -> None:
    await desk.key_values.put(
        TOPIC, name, _CODEC.dump_json(conversation).decode(), real_now() + LONGEST_PAUSE
    )


# Threads --------------------------------------------------------------------------------------


async def adopt_stored_roots(desk: Desk, key_values: KeyValueStore) -> None:
    """Adopts the thread roots that an earlier version posted."""
    for name in await key_values.get_all(ROOTS):
        place, _, id = name.rpartition("/")
        await _adopted(desk, Place.parse(place), id, ROOT)
        await key_values.delete(ROOTS, name)


async def _thread_of(desk: Desk, root: MessageRef) -> tuple[str, bool]:
    """The name under which a conversation stores this thread, and whether its root is our message."""
    key = await desk.key_of(root)
    if key is not None and key.startswith(f"{ROOT}/"):
        return key.rpartition("/")[2], True
    return root.id, False


async def _thread_key(desk: Desk, conversation: ConversationalForm) -> str | None:
    """The key of the thread's root message. Adopts the root if a person posted it."""
    if not conversation.thread:
        return None
    return (
        _root_key(conversation.place, conversation.thread)
        if conversation.ours
        else await _adopted(desk, conversation.place, conversation.thread)
    )


def _root_key(place: Place, name: str) -> str:
    return f"{ROOT}/{place}/{name}"


async def _adopted(desk: Desk, place: Place, id: str, kind: str = PERSONS_MESSAGE) -> str:
    """The key of a message. Adopts the message if the outbox did not send it."""
    ref = MessageRef(place, id)
    if known := await desk.key_of(ref):
        return known
    key = f"{kind}/{place}/{id}"
    await desk.store.enqueue([Message(key, None, place, Notice(()), Priority.STATE, posted=ref)])
    return key
