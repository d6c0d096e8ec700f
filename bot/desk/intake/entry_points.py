"""The entry points: commands (`list`, `next`, `status`, `close`, `oncall`, `help`), mentions, shortcuts.

Any other text opens the intake form; so do reactions, `Get help` and `support: …`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

import structlog

from bot.config.settings import Account
from bot.desk import channels, home, queue, ticket_board, unticketed
from bot.desk.agents import send_to_customer
from bot.desk.desk import Desk, private_notice, refusal
from bot.desk.intake import conversation, conversation_steps, open, small_talk
from bot.desk.intake.form import FORM
from bot.desk.intake.prefill import (
    Prefill,
    already_in,
    answered_prompt,
    command_of,
    pack_prefill,
    prompt_of,
    unpack_prefill,
)
from bot.desk.queue_filters import LABELS, SYNONYMS, Filter, next_ticket
from bot.desk.tam import away
from bot.desk.ticket import acts, thread
from bot.desk.ticket.thread import ticket_below
from bot.desk.web import sign_in
from bot.model.address import Actor, MessageRef, Place
from bot.model.inbound import Answer, Ask, Command, Done, EntryPoint, MessageChanged, Posted, Press, Show
from bot.model.views import Audience, Button, Mention, Notice, Part, QueueBoard, Strong, Style, TicketCard
from bot.notify import agent_notes
from bot.notify.emergency_texts import day_text
from bot.notify.tam import alert_texts
from bot.ports import NoSuchTicket, PermanentFailure
from sla_core.policy import Policy
from sla_core.ticket import Ticket
from sla_core.triage import ShownAt

log = structlog.get_logger(__name__)

_CALLED = re.compile(r"^\s*@\S+\s")
"""The mention of the bot before a text."""
_BEGINS = re.compile(r"\s*support\s*:\s*", re.IGNORECASE)
_ELSEWHERE = (
    "I cannot see from here which channels you are in. "
    "Please ask in the channel that you share with us: mention me there, or press Get help."
)
_ASKED_HERE = (
    "You have already started a ticket about this. Please continue in its thread, or press Cancel there."
)
_QUIET = frozenset({EntryPoint.WORDS, EntryPoint.REACTION})
"""Not answered in channels without an account, where they may be meant for somebody else."""
_PRIVATE = ("away", "back", "desk", "next")
"""Text commands whose answer only the actor reads, wherever they are given."""
_DRAFTS = frozenset({EntryPoint.SHORTCUT, EntryPoint.REACTION})
"""Their text is a person's message and never a text command."""


async def command(desk: Desk, command: Command) -> Answer:
    """Opens the form with the typed text filled in, or runs a text command."""
    about = command.about
    if about is not None:
        if await conversation.is_under_way(desk, command.actor, about):
            return private_notice(_ASKED_HERE) if command.name in _DRAFTS else Done()
        if key := await ticket_below(desk, about):
            asks = parse(desk, command.text, command.actor) if command.name == EntryPoint.MENTION else None
            return await run(desk, asks, command) if asks else await _belongs_to(desk, key, command)
    if command.name in _QUIET and not _is_served(desk, command.place):
        return Done()
    if command.name not in _DRAFTS and (word := parse(desk, command.text, command.actor)):
        return await run(desk, word, command)
    thread = about.id if about is not None and not command.place.direct else ""
    words = filter(None, (command.quoted.strip(), command.text.strip()))
    prefill = Prefill("\n\n".join(words), thread)
    return await _open_form(desk, replace(command, text=prefill.text), prefill)


async def get_help(desk: Desk, press: Press) -> Answer:
    """Opens the form from a `Get help` button, with the text that the button carries."""
    if said := await answered_prompt(desk, press):
        return said
    prefill = await unpack_prefill(desk, press.value)
    return await _open_form(desk, command_of(press, prefill), prefill, prompt_of(press))


async def on_message(desk: Desk, said: Posted) -> Answer:
    """Handles a message: an answer to our question, the beginning of a ticket, or a part of a thread."""
    if said.from_app:
        return await thread.on_thread_message(desk, said)
    if said.thread is None and not said.place.direct:
        await channels.on_message(desk, said.place, said.message.id)
    answer = await conversation.on_message(desk, said)
    if answer is not None:
        return answer
    if said.mentions_bot and parse(desk, _CALLED.sub("", said.text, count=1), said.actor):
        return Done()
    text = _text_for_desk(said)
    if text is None or (said.thread is not None and await ticket_below(desk, said.thread)):
        await unticketed.on_message(desk, said)
        return await thread.on_thread_message(desk, said)
    if said.place.direct and not said.files and small_talk.is_polite_only(text):
        return private_notice(small_talk.WELCOME)
    about = said.thread or said.message
    return await command(
        desk, Command(said.key, said.at, said.actor, said.place, EntryPoint.WORDS, text, about)
    )


async def on_message_changed(desk: Desk, act: MessageChanged) -> Answer:
    """Handles an edit or a deletion. Posts a deleted `Get help` message or board again."""
    if act.text is not None or act.thread is not None:
        return await thread.on_message_changed(desk, act)
    await channels.repost_deleted(desk, act.message)
    await ticket_board.repost_deleted(desk, act.message)
    await unticketed.on_deleted(desk, act)
    await channels.on_deleted(desk, act.place, act.message.id)
    return Done()


async def open_unticketed(desk: Desk, press: Press) -> Answer:
    """Opens the form with the words of a customer's message that nobody has answered."""
    message = await _unticketed(desk, press)
    if not isinstance(message, tuple):
        return message
    first, text = message
    return await open.command(
        desk, Command(press.key, press.at, press.actor, press.place, press.action, text, first)
    )


async def dismiss_unticketed(desk: Desk, press: Press) -> Answer:
    message = await _unticketed(desk, press)
    if not isinstance(message, tuple):
        return message
    await unticketed.dismiss(desk, message[0], press.actor)
    return Done()


async def _unticketed(desk: Desk, press: Press) -> tuple[MessageRef, str] | Show:
    """The message behind a button in triage, and its words; or a refusal."""
    channel = press.value.rpartition("/")[0]
    account = desk.directory.account_of(Place.parse(channel)) if ":" in channel else None
    if account is None or not desk.directory.is_agent(press.actor, account):
        return refusal(
            f"Only agents of {desk.directory.policy_on(desk.clock.now().date()).name} can do that."
        )
    found = await unticketed.of_button(desk, press)
    if found is None:
        return refusal(agent_notes.ENDED)
    key = await ticket_below(desk, found[0])
    if key is None:
        return found
    await unticketed.on_ticket(desk, found[0].place, found[0].id, key)
    return await already_in(desk, key, press.place)


def _text_for_desk(said: Posted) -> str | None:
    """The text if the message addresses the desk; None if not, or if it also arrives as a mention."""
    begins = _BEGINS.match(said.text)
    if said.place.direct or (begins and not said.mentions_bot):
        text = said.text[begins.end() :] if begins else said.text
        return "\n".join(filter(None, (text.strip(), *(f"(file: {file.name})" for file in said.files))))
    return None


def _is_served(desk: Desk, place: Place) -> bool:
    directory = desk.directory
    return place.direct or directory.is_triage(place) or directory.account_of(place) is not None


async def _belongs_to(desk: Desk, key: str, command: Command) -> Answer:
    """The answer to a command on a ticket's message; nothing in its thread, which is recorded anyway."""
    if command.name in (EntryPoint.MENTION, EntryPoint.WORDS):
        return Done()
    said = f"This is about {key}. Please write in the thread of its card, so that we see it."
    return private_notice(said, *await desk.link_to_card(key, command.place))


async def _open_form(desk: Desk, command: Command, prefill: Prefill, offer: str = "") -> Answer:
    try:
        answer = await open.command(desk, command, offer)
    except PermanentFailure as why:
        log.warning("could not look up the actor", user=str(command.actor.user), why=str(why))
        return refusal(_ELSEWHERE)
    if not isinstance(answer, Ask) or answer.form.id != FORM:
        return answer
    return replace(answer, fallback=await _fallback(desk, command.actor, command.place, prefill))


async def _fallback(desk: Desk, actor: Actor, place: Place, prefill: Prefill) -> Notice:
    """The message to show if no form can be opened at once."""
    value = await pack_prefill(desk, prefill)
    who: tuple[Part, ...] = () if place.direct else (Mention(actor.user, actor.name), " ")
    said = "To open a ticket, answer a few questions: in a form, or here one by one."
    help_ = Button("get_help", "Get help", value, Style.PRIMARY)
    return Notice((*who, said), buttons=(help_, begin_button(value)))


def begin_button(prefill: str) -> Button:
    """Starts the form as a conversation, with `prefill` as packed in drafts."""
    return Button(conversation_steps.ACTION, "Answer here", f"{conversation_steps.BEGIN}|{prefill}")


_FILTERS = frozenset({*LABELS, *SYNONYMS})
_AGENTS_COMMANDS = (
    ("list unassigned", "lists tickets that nobody owns"),
    ("list account ID", "lists the open tickets of one account"),
    ("next", "shows the most urgent ticket that nobody owns"),
    ("history KEY", "shows everything that happened on a ticket, in triage or in a direct message"),
)
MOST_DEPRECATED = 5
"""Features that the help names."""
_KEY = re.compile(r"([a-z][a-z0-9-]{0,23})-(\d{1,9})")


@dataclass(frozen=True, slots=True)
class TextCommand:
    """A parsed text command, and the ticket it names."""

    verb: str
    key: str = ""
    words: tuple[str, ...] = ()
    page: int = 1


def parse(desk: Desk, text: str, actor: Actor) -> TextCommand | None:
    """The command that a text consists of; None if the text describes a problem."""
    parts = text.strip().rstrip(".!").casefold().split()
    match parts:
        case ["help" | "list" | "oncall" | "status" | "close" as verb]:
            return TextCommand(verb)
        case ["next"] if desk.directory.is_agent(actor):
            return TextCommand("next")
        case ["list", word] if word in _FILTERS:
            return TextCommand("list", words=(word,))
        case ["list", "account", account]:
            return TextCommand("list", words=("account", account))
        case ["status" | "close" as verb, name] if key := _key(name):
            return TextCommand(verb, key)
        case ["history", name, *rest] if (key := _key(name)) and _is_page(rest):
            return TextCommand("history", key, page=int("".join(rest) or "1"))
        case ["desk"] | ["desk", "sign", "out"] if sign_in.may_read(desk, actor):
            return TextCommand("desk", words=tuple(parts))
        case ["away" | "back", *rest] if len(rest) <= 2 and away.tam_of(desk, actor):
            return TextCommand(parts[0], words=tuple(parts))
        case _:
            return None


def _is_page(rest: list[str]) -> bool:
    """Whether these words are the number of a page, or nothing."""
    return not rest or (len(rest) == 1 and re.fullmatch(r"[1-9]\d{0,3}", rest[0], re.ASCII) is not None)


def _key(name: str) -> str | None:
    """A ticket's key in its usual spelling, whether or not such a ticket exists; None for other words."""
    found = _KEY.fullmatch(name)
    return f"{found[1].upper()}-{int(found[2])}" if found else None


async def run(desk: Desk, text_command: TextCommand, command: Command) -> Answer:
    """Answers a text command. What it shows a customer, everybody in that customer's channel may read."""
    answer = await _run(desk, text_command, command)
    private = text_command.verb in _PRIVATE or desk.directory.account_of(command.place) is None
    if not isinstance(answer, Show) or private:
        return answer
    for_agents = isinstance(answer.view, TicketCard) and answer.view.audience is Audience.AGENTS
    return replace(answer, public=not for_agents)


async def _run(desk: Desk, text_command: TextCommand, command: Command) -> Answer:
    match text_command.verb:
        case "list":
            return await _list(desk, command, text_command.words)
        case "next":
            return await _next(desk, command)
        case "status" | "close" as verb:
            key = text_command.key or await _key_from_here(desk, command, verb)
            if not isinstance(key, str):
                return key
            return await (_status if verb == "status" else _close)(desk, command, key)
        case "history":
            return await _history(desk, command, text_command)
        case "oncall":
            return _on_call(desk, command)
        case "desk":
            return await sign_in.command(desk, command.actor, text_command.words)
        case "away" | "back":
            return await away.command(desk, command, text_command.words)
        case _:
            return _help(desk, command)


async def _list(desk: Desk, command: Command, words: tuple[str, ...]) -> Answer:
    """Lists tickets; a word chooses a filter or an account."""
    if not words:
        return await home.listing(desk, command.actor, command.place)
    word = words[-1]
    if len(words) == 1:
        return await home.listing(desk, command.actor, command.place, Filter(SYNONYMS.get(word, word)))
    return await home.of_account(desk, command.actor, command.place, word)


async def _next(desk: Desk, command: Command) -> Answer:
    """Shows an agent the most urgent ticket that nobody owns."""
    key = await next_ticket(desk, command.actor)
    return await _status(desk, command, key) if key else private_notice("Every open ticket has an owner.")


async def _key_from_here(desk: Desk, command: Command, verb: str) -> str | Answer:
    """The ticket that `status` or `close` without a key is about: the thread's, or the only open one.

    Otherwise the list to choose from. `close` without a key closes a ticket only in that ticket's thread.
    """
    if command.about and (key := await ticket_below(desk, command.about)):
        return key
    shown = await home.listing(desk, command.actor, command.place)
    if not isinstance(shown, Show) or not isinstance(shown.view, QueueBoard):
        return shown
    keys = [row.key for section in shown.view.sections for row in section.rows]
    if verb == "status" and len(keys) == 1:
        return keys[0]
    does = "close one" if verb == "close" else "see one"
    said = f"To {does}, write for example “{verb} {keys[0]}”."
    return replace(shown, view=replace(shown.view, intro=(said,), buttons=()))


async def _status(desk: Desk, command: Command, key: str) -> Answer:
    """Shows the ticket's card as agents or as the customer see it."""
    found = await _seen_by(desk, command.actor, command.place, key)
    if isinstance(found, Show):
        return found
    ticket, relation = found
    face = await desk.card(ticket, Audience.AGENTS if relation == "agent" else Audience.CUSTOMER)
    if relation == "customer" and command.place.direct:
        # A customer's buttons act in the account's channel only.
        face = replace(face, buttons=())
    return Show(face)


async def _history(desk: Desk, command: Command, text_command: TextCommand) -> Answer:
    """Shows agents everything that happened on the ticket."""
    found = await _seen_by(desk, command.actor, command.place, text_command.key)
    if isinstance(found, Show):
        return found
    ticket, relation = found
    if relation != "agent":
        return refusal(f"Only agents of {desk.policy_of(ticket).name} can read that.")
    return send_to_customer.show(desk, command.place, ticket, text_command.page)


async def _close(desk: Desk, command: Command, key: str) -> Answer:
    """Closes the ticket as the card's button does."""
    found = await _seen_by(desk, command.actor, command.place, key)
    if isinstance(found, Show):
        return found
    ticket, relation = found
    where = desk.directory.channel_of(ticket)
    press = Press(command.key, command.at, command.actor, where, None, "close", key)
    answer = await acts.close(desk, press, ticket)
    if isinstance(answer, Ask) and isinstance(command.name, EntryPoint):
        return refusal(
            f"We still have deadlines to meet on {key}. To close it anyway, press Close on its card."
        )
    if not isinstance(answer, Done):
        return answer
    if command.about is not None and await ticket_below(desk, command.about) == key:
        return private_notice(f"{key} is closed.")
    reader = command.actor.user if relation == "agent" and command.place.direct else command.place
    return private_notice(f"{key} is closed.", *await desk.link_to_card(key, reader))


async def _seen_by(desk: Desk, actor: Actor, place: Place, key: str) -> tuple[Ticket, str] | Show:
    """The ticket and the actor's relation to it, or a refusal that does not reveal whether it exists."""
    try:
        ticket = await desk.ticket(key)
    except NoSuchTicket:
        return _unseen(key)
    relation = desk.relation(actor, place, ticket)
    if relation is None and place.direct:
        try:
            accounts = await queue.accounts_of(desk, actor.user)
        except queue.ChannelsUnknown as why:
            return refusal(f"{why}.")
        if ticket.opened.account in {account.id for account in accounts}:
            relation = "customer"
    return (ticket, relation) if relation else _unseen(key)


def _unseen(key: str) -> Show:
    return refusal(f"You cannot see {key} from here.")


def _on_call(desk: Desk, command: Command) -> Answer:
    """Shows agents who is on call for each role, and until when."""
    if not desk.directory.is_agent(command.actor):
        return refusal(
            "Only agents see who is on call. To reach our team about a ticket, press Escalate on its card."
        )
    said = tuple(queue.on_duty(desk))
    return Show(Notice(said)) if said else private_notice("No escalation contacts are set up.")


def _phone_line(desk: Desk, place: Place) -> list[Part]:
    """The telephone number of the account whose channel this is, if its plan has one."""
    account = desk.directory.account_of(place)
    policy = desk.directory.policy_on(desk.clock.now().date())
    plan = policy.plans.get(account.plan) if account else None
    calls = plan.calls if plan else None
    if calls is None or not calls.phone:
        return []
    urgent = ", ".join(id_ for id_ in policy.severities if id_ in (calls.severities | calls.recommended))
    return [f"\n{f'For {urgent}, you' if urgent else 'You'} can also call us: {calls.phone}."]


def _plan_lines(desk: Desk, account: Account) -> list[Part]:
    """What an account's plan is, and what its policy has customers read in the help."""
    now = desk.clock.now()
    policy = desk.directory.policy_on(now.date())
    plan = policy.plans[account.plan]
    facts = policy.facts_for(ShownAt.HELP, plan.id, now, zone=account.zone, terms=account.terms)
    return [
        "\n",
        Strong(f"{policy.name}, {plan.name}:"),
        f" {plan.source.says}",
        *(f"\n{fact.tells}" for fact in facts),
        *_deprecation_lines(policy, now.date()),
    ]


def _deprecation_lines(policy: Policy, today: date) -> list[str]:
    """Until when features are supported that are to end; empty if there are none."""
    current = [*policy.deprecations.current(today)] if policy.deprecations else []
    lines = [f"\n{each.feature}: still supported until {day_text(each.until)}." for each in current]
    more = len(lines) - MOST_DEPRECATED
    return [*lines[:MOST_DEPRECATED], *([f"\nMore features that end later: {more}."] if more > 0 else [])]


def _help(desk: Desk, command: Command) -> Answer:
    """Explains the text commands. Omits the slash command for people whose workspace does not have it."""
    place, actor = command.place, command.actor
    chat = desk.directory.settings.chats.get(place.platform)
    has_command = command.name.startswith("/") or actor.user.home == actor.team
    name = f"{chat.command} " if chat and chat.command and has_command else ""
    begins = "" if place.direct else "Mention me and say what is wrong, or begin a message with “support:”. "
    lines: list[Part] = [
        begins or "Write here what is wrong. ",
        "You answer a few questions, and the ticket appears in your channel with its answer times.",
    ]
    for typed, does in (
        ("list", "lists open tickets"),
        ("list mine", "lists your own; also unanswered, breached"),
        *(_AGENTS_COMMANDS if desk.directory.is_agent(actor) else ()),
        ("status KEY", "shows a ticket"),
        ("close KEY", "closes one of your tickets"),
        *([("oncall", "shows who is on call, and until when")] if desk.directory.is_agent(actor) else ()),
        *(sign_in.COMMANDS if sign_in.may_read(desk, actor) else ()),
        *(alert_texts.COMMANDS if away.tam_of(desk, actor) else ()),
    ):
        lines += ["\n", Strong(f"{name}{typed}"), f" {does}."]
    if name and not place.direct:
        lines.append("\nYou can also use these commands when you mention me, or in a direct message.")
    lines.append("\nTo add to a ticket, write in the thread of its card.")
    lines += _phone_line(desk, place)
    if account := desk.directory.account_of(place):
        lines += _plan_lines(desk, account)
        tam, architect = desk.directory.tam(account), desk.directory.solution_architect(account)
        lines += alert_texts.who_looks_after(tam.name if tam else "", architect.name if architect else "")
    help_ = Button("get_help", "Get help", "", Style.PRIMARY)
    return Show(Notice(tuple(lines), buttons=(help_,)))
