"""Text commands: `list`, `status KEY`, `close KEY`, `help`. Any other text opens the form for a ticket."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bot.desk import queue
from bot.desk.desk import Desk, private_notice, refusal
from bot.desk.ticket import acts
from bot.model.address import Actor, Place
from bot.model.inbound import Answer, Ask, Command, Done, EntryPoint, Press, Show
from bot.model.views import Audience, Button, Notice, Part, Strong, Style
from bot.notify import cards
from bot.ports import NoSuchTicket
from sla_core.ticket import Ticket

_KEY = re.compile(r"(.+)-(\d{1,9})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TextCommand:
    """A parsed text command, and the ticket it names."""

    verb: str
    key: str = ""


def parse(desk: Desk, text: str) -> TextCommand | None:
    """The command that a text consists of; None if the text describes a problem."""
    parts = text.strip().rstrip(".!").casefold().split()
    match parts:
        case ["help" | "list" as verb]:
            return TextCommand(verb)
        case ["status" | "close" as verb, name] if key := _key(desk, name):
            return TextCommand(verb, key)
        case _:
            return None


def _key(desk: Desk, name: str) -> str | None:
    """A ticket's key in its usual spelling; None if it fits no account."""
    found = _KEY.fullmatch(name)
    prefixes = {account.casefold(): account.upper() for account in desk.directory.settings.accounts}
    if found is None or found[1] not in prefixes:
        return None
    return f"{prefixes[found[1]]}-{int(found[2])}"


async def run(desk: Desk, text_command: TextCommand, command: Command) -> Answer:
    match text_command.verb:
        case "list":
            return await queue.listing(desk, command.actor, command.place)
        case "status":
            return await _status(desk, command, text_command.key)
        case "close":
            return await _close(desk, command, text_command.key)
        case _:
            return _help(desk, command)


async def _status(desk: Desk, command: Command, key: str) -> Answer:
    """Shows the ticket's card as agents or as the customer see it."""
    found = await _seen_by(desk, command.actor, command.place, key)
    if isinstance(found, Show):
        return found
    ticket, relation = found
    now = max(desk.clock.now(), ticket.history[-1].at)
    audience = Audience.AGENTS if relation == "agent" else Audience.CUSTOMER
    face = cards.card(ticket, desk.policy_of(ticket), desk.directory, audience, now)
    if relation == "customer" and command.place.direct:
        # A customer's buttons act in the account's channel only.
        face = replace(face, buttons=())
    return Show(face)


async def _close(desk: Desk, command: Command, key: str) -> Answer:
    """Closes the ticket as the card's button does."""
    found = await _seen_by(desk, command.actor, command.place, key)
    if isinstance(found, Show):
        return found
    ticket, _ = found
    where = desk.directory.channel_of(ticket)
    press = Press(command.key, command.at, command.actor, where, None, "close", key)
    answer = await acts.close(desk, press, ticket)
    if isinstance(answer, Ask) and isinstance(command.name, EntryPoint):
        return refusal(
            f"{key} still has promises that are running. To close it all the same, press Close on its card."
        )
    return private_notice(f"{key} is closed.") if isinstance(answer, Done) else answer


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
    return refusal(f"There is no ticket {key} that you can see from here.")


def _help(desk: Desk, command: Command) -> Answer:
    """Explains the text commands. Omits the slash command for people whose workspace does not have it."""
    place, actor = command.place, command.actor
    chat = desk.directory.settings.chats.get(place.platform)
    has_command = command.name.startswith("/") or actor.user.home == actor.team
    name = f"{chat.command} " if chat and chat.command and has_command else ""
    begins = "" if place.direct else "Mention me with what is wrong, or begin a message with “support:”. "
    lines: list[Part] = [
        begins or "Write here what is wrong. ",
        "A few questions make it a ticket, and its answer times are shown in your channel.",
    ]
    for typed, does in (
        ("list", "shows what is open"),
        ("status KEY", "shows a ticket to you alone"),
        ("close KEY", "closes a ticket of yours"),
    ):
        lines += ["\n", Strong(f"{name}{typed}"), f" {does}."]
    if name and not place.direct:
        lines.append("\nThese words can be said by mention or in a direct conversation as well.")
    lines.append("\nWhat belongs to a ticket is best written in the thread of its card.")
    help_ = Button("get_help", "Get help", "", Style.PRIMARY)
    return Show(Notice(tuple(lines), buttons=(help_,)))
