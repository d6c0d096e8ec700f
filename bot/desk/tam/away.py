"""A TAM is away: until then, her direct messages go to each account's backup (`away until DATE`, `back`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from bot.clock import parse_instant, real_now
from bot.config.directory import zone_of
from bot.config.settings import Account
from bot.desk import channels, quiet_hours
from bot.desk.desk import Desk, private_notice, refusal
from bot.model.address import Actor, Person, Place
from bot.model.forms import Form, TextField, opening_context
from bot.model.inbound import Answer, Ask, Command, Done, Press, Show, Submission
from bot.model.views import Button, Notice, Part, RichText
from bot.notify.tam import alert_texts
from sla_core.calendar import instant_of

TOPIC = "tam-away"
"""The topic of absences: until when, by the person's id."""
FORM, UNTIL = "tam_away", "until"
READERS = "Agents, your backups and customers whose first contact you are will see it."
LONGEST = timedelta(days=366)
_KEPT_FOR = timedelta(days=1)
"""How long an absence is stored after its end, in real time."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ONLY_TAMS = "Only account managers can do that."
BACK = Button("tam_back", "I'm back", "")
HOME = "home"
"""The value of that button on a Home tab, which is then drawn again without it."""


def tam_of(desk: Desk, actor: Actor) -> Person | None:
    """The actor, if they are the TAM of an account."""
    person = desk.directory.person(actor)
    return person if person and accounts_of(desk, person) else None


def accounts_of(desk: Desk, person: Person) -> list[Account]:
    accounts = desk.directory.settings.accounts.values()
    return [account for account in accounts if desk.directory.tam(account) == person]


async def load(desk: Desk) -> None:
    """Reads from the store who is away, as other processes may have recorded it."""
    stored = await desk.key_values.get_all(TOPIC)
    desk.directory.away = {person: parse_instant(until) for person, until in stored.items()}


def until_of(desk: Desk, person: Person) -> datetime | None:
    """Until when this person is away; None if they are not."""
    now = desk.clock.now()
    return desk.directory.away[person.id] if desk.directory.is_away(person, now) else None


async def command(desk: Desk, command: Command, words: Sequence[str]) -> Answer:
    """`away`, `away until 2026-12-07` or `back`."""
    person = tam_of(desk, command.actor)
    if person is None:
        return refusal(_ONLY_TAMS)
    match words:
        case ["back"]:
            return await _back(desk, person, command.key)
        case ["away", "until", day]:
            until = _day(desk, person, day)
            return refusal(until) if isinstance(until, str) else await _away(desk, person, until, command.key)
        case _:
            return Ask(form(person, command.place, command.key))


def form(person: Person, place: Place, act: str) -> Form:
    """Asks for the first day back. `act` is the key of what asks for it."""
    hint = f"Your first day back, for example 2026-12-07 ({zone_of(person).key}). {READERS}"
    context = {"place": str(place), "ticket": "", **opening_context(act)}
    return Form(FORM, "Away", "Away", (TextField(UNTIL, "Away until", hint=hint, limit=10),), context)


async def submit(desk: Desk, sent: Submission) -> Answer:
    person = tam_of(desk, sent.actor)
    if person is None:
        return refusal(_ONLY_TAMS)
    until = _day(desk, person, next(iter(sent.values.get(UNTIL, ())), "").strip())
    if isinstance(until, str):
        asked = form(person, Place.parse(sent.context["place"]), sent.key)
        return Ask(asked.rejected(sent.values, {UNTIL: until}))
    return await _away(desk, person, until, sent.key)


async def pressed_back(desk: Desk, press: Press) -> Answer:
    person = tam_of(desk, press.actor)
    if person is None:
        return refusal(_ONLY_TAMS)
    said = await _back(desk, person, press.key)
    return Done() if press.value == HOME else said


def _day(desk: Desk, person: Person, text: str) -> datetime | str:
    """The beginning of the first day back in the person's zone, or what is wrong."""
    zone, now = zone_of(person), desk.clock.now()
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        return f"“{text}” is not a date. Please write your first day back, for example 2026-12-07."
    today = now.astimezone(zone).date()
    if day <= today:
        return f"{day} is not after today. Please write your first day back."
    if day - today > LONGEST:
        return f"{day} is more than a year from now. Please write an earlier date."
    return instant_of(datetime.combine(day, time()), zone)


async def _away(desk: Desk, person: Person, until: datetime, act: str) -> Answer:
    left = until - desk.clock.now()
    await desk.key_values.put(TOPIC, person.id, until.isoformat(), real_now() + left + _KEPT_FOR)
    desk.directory.away = {**desk.directory.away, person.id: until}
    await _announce(desk, person, act, until)
    text: list[Part] = [alert_texts.you_are_away(person, until)]
    text += alert_texts.stands_in(_stand_ins(desk, person), "Your direct messages")
    text.append(" To end it, write “back” or press the button.")
    return Show(Notice(tuple(text), buttons=(BACK,)))


async def _back(desk: Desk, person: Person, act: str) -> Answer:
    if until_of(desk, person) is None:
        return private_notice("You are not away. You receive your direct messages.")
    await desk.key_values.delete(TOPIC, person.id)
    away = dict(desk.directory.away)
    del away[person.id]
    desk.directory.away = away
    await _announce(desk, person, act, None)
    return private_notice("Welcome back. You receive your direct messages again.")


def _stand_ins(desk: Desk, person: Person) -> dict[str, list[str]]:
    """The names of accounts, by the name of who gets their messages; empty for leadership."""
    people = desk.directory.settings.people
    found: dict[str, list[str]] = {}
    for account in accounts_of(desk, person):
        backup = people.get(account.tam_backup or "")
        reached = backup and not desk.directory.is_away(backup, desk.clock.now())
        found.setdefault(backup.name if backup and reached else "", []).append(account.name)
    return found


async def _announce(desk: Desk, person: Person, act: str, until: datetime | None) -> None:
    """Tells the agents, and each backup."""
    says: RichText = alert_texts.is_away(person, until)
    for triage in desk.triages():
        more = alert_texts.stands_in(_stand_ins(desk, person), "Direct messages") if until else ()
        await channels.notify(desk, f"{act}/{triage}", triage, *says, *more)
    backups: dict[str, list[str]] = {}
    for account in accounts_of(desk, person):
        if account.tam_backup:
            backups.setdefault(account.tam_backup, []).append(account.name)
    for backup, names in backups.items():
        key, known = f"away/{act}/{backup}", desk.directory.settings.people[backup]
        await quiet_hours.tell(desk, key, known, *says, *alert_texts.you_stand_in(names, until is not None))
