"""The forecast: one direct message on each morning that a TAM works, over all accounts she looks after.

At eight in her zone, or when her quiet hours end: what falls due before her next forecast, which deadlines a
holiday delays, what was missed since the last one, and who is on call. If nothing of this is to be said,
nothing is sent. In the week before a peak season, one of them also says how ready her accounts are. At five
in the afternoon the message is edited, which notifies nobody, if something changed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.clock import real_now
from bot.config.directory import quiet_until, zone_of
from bot.config.settings import Account
from bot.desk import quiet_hours
from bot.desk.desk import Desk
from bot.model.address import Person
from bot.model.queue import QueueEntry
from bot.model.views import Audience, Link, Notice, Part, RichText, Strong
from bot.notify.tam import forecast_texts
from bot.notify.tam.forecast_texts import ForecastRow
from bot.ports import Message, Priority, Timer
from sla_core.calendar import BusinessCalendar, Span, instant_of
from sla_core.policy import ComingPeak
from sla_core.promise import Tone

KIND = "tam_forecast"
"""The kind of the timers; their keys are people's ids."""
TOPIC = "tam-forecast"
"""The topic with what each person's last forecast said."""
MORNING, EVENING = "morning", "evening"
AT = {MORNING: time(8), EVENING: time(17)}
LOOK_BACK = timedelta(days=62)
"""How long ago a closed ticket may have been opened for its missed promises to be reported."""
READINESS = timedelta(days=7)
"""How long before a peak season the forecast says so."""
MAX_DAYS = 14
"""How many days ahead to look for a working day and for holidays."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """A forecast that is due: the morning's message or the evening's edit of it, on a day in her zone."""

    stage: str
    day: date

    def at(self, person: Person) -> datetime:
        instant = instant_of(datetime.combine(self.day, AT[self.stage]), zone_of(person))
        return quiet_until(person, instant) or instant

    def following(self) -> Turn:
        if self.stage == MORNING:
            return Turn(EVENING, self.day)
        return Turn(MORNING, self.day + _DAY)

    @classmethod
    def latest(cls, person: Person, now: datetime) -> Turn:
        """The last one that was due by `now`."""
        turn = cls(MORNING, now.astimezone(zone_of(person)).date() - _DAY)
        while turn.following().at(person) <= now:
            turn = turn.following()
        return turn


def people(desk: Desk) -> list[Person]:
    """Everybody who may look after an account: TAMs and their backups."""
    directory = desk.directory
    ids: dict[str, None] = {}
    for account in directory.settings.accounts.values():
        if directory.tam(account):
            ids |= {id_: None for id_ in (account.tam, account.tam_backup) if id_}
    return [directory.settings.people[id_] for id_ in ids]


async def schedule(desk: Desk) -> None:
    """Sets everybody's timer. It fires at once, which makes up for a forecast that was missed today.

    A desk that never had one begins with the next morning.
    """
    now = desk.clock.now()
    for person in people(desk):
        turn = Turn.latest(person, now)
        if await desk.key_values.get(TOPIC, person.id) is None:
            await _store(desk, person, {"day": str(turn.day)})
        await desk.store.set_timer(Timer(KIND, person.id, turn.at(person)))


async def _store(desk: Desk, person: Person, said: Mapping[str, object]) -> None:
    await desk.key_values.put(TOPIC, person.id, json.dumps(said), real_now() + MAX_DAYS * _DAY)


def looked_after(desk: Desk, person: Person, now: datetime) -> list[Account]:
    """The accounts that this person looks after today: hers, and those of TAMs for whom she stands in."""
    directory, found = desk.directory, []
    for account in directory.settings.accounts.values():
        first = directory.told_first(account, now, escalated=False)
        if any(contact.person == person.id for contact in first) and directory.tam(account):
            found.append(account)
    return found


async def send_due(desk: Desk, id: str) -> None:
    """Sends a person's last forecast that was due by now, unless it was sent."""
    if (person := desk.directory.settings.people.get(id)) is not None:
        await send(desk, person, Turn.latest(person, desk.clock.now()))


def next_at(desk: Desk, id: str, now: datetime) -> datetime | None:
    """When a person's next forecast is due; None if the desk's file no longer has them."""
    person = desk.directory.settings.people.get(id)
    return Turn.latest(person, now).following().at(person) if person else None


async def send(desk: Desk, person: Person, turn: Turn) -> None:
    """Sends a morning's forecast, or edits it in the evening. Does nothing the second time."""
    ref, now = desk.directory.direct_address(person, ""), desk.clock.now()
    if ref is None:
        return
    stored = await desk.key_values.get(TOPIC, person.id)
    told = json.loads(stored) if stored else {}
    key = f"{quiet_hours.TOPIC}/forecast/{person.id}/{turn.day}"
    if turn.stage == EVENING:
        said = told.get("text") and told["day"] == str(turn.day)
        if said and (line := await _evening(desk, person, turn, told)):
            text = (*map(quiet_hours.read, told["text"]), *line)
            content = Notice(text, Tone(told["tone"]))
            edit = Message(f"{key}/evening", None, ref, content, Priority.STATE, edits=key)
            await desk.store.enqueue([edit])
        return
    if told.get("day") == str(turn.day) or now >= turn.following().at(person):
        return
    # A morning with nothing to say is stored as well: a restart at noon must not send what is due then.
    coming = desk.directory.policy_on(now.date()).coming_peak(now, READINESS)
    value: dict[str, object] = {"day": str(turn.day), "season": told.get("season", "")}
    if coming and value["season"] == str(coming.first):
        coming = None  # she has read of it
    if (morning := await _morning(desk, person, turn, now, coming)) is not None:
        text, tone, due, value["season"] = *morning, str(coming.first) if coming else value["season"]
        value |= {"text": [quiet_hours.stored(part) for part in text], "tone": tone, "due": due}
        await desk.store.enqueue([Message(key, None, ref, Notice(text, tone), Priority.STATE)])
    await _store(desk, person, value)


async def _morning(
    desk: Desk, person: Person, turn: Turn, now: datetime, coming: ComingPeak | None
) -> tuple[RichText, Tone, list[str]] | None:
    """What the forecast says, in which tone, and the keys of what is due. None if nothing is to be said.

    `coming` is a peak season of which she has not read.
    """
    accounts, zone = looked_after(desk, person, now), zone_of(person)
    calendars = {account.id: business_calendar(desk, account, now) for account in accounts}
    if not any(works(calendar, turn.day, zone) for calendar in calendars.values()):
        return None
    until = _next(person, turn, calendars.values(), 1).at(person)
    since = _next(person, turn, calendars.values(), -1).at(person)
    entries = await _entries(desk, accounts, now - LOOK_BACK)
    due, hidden, missed, still_open = [], [], [], list[QueueEntry]()
    for entry in entries:
        assert entry.summary is not None
        shown, at = entry.summary, entry.summary.due.due_at if entry.summary.due else None
        is_running = shown.state == "open" and at is not None and at > now
        if is_running and at is not None and at <= until:
            due.append(entry)
        elif is_running and at is not None and shown.due and shown.due.pauses:
            if names := _holidays(calendars[entry.account], now, at):
                hidden.append((entry, names))
        if any(since < each <= now for each in shown.missed):
            missed.append(entry)
    if coming:
        listed = [*due, *(entry for entry, _ in hidden), *missed]
        still_open = [e for e in entries if e.summary and e.summary.state == "open" and e not in listed]
    if not (due or hidden or missed or coming):
        return None
    lines = await _lines(desk, [*due, *(entry for entry, _ in hidden), *missed, *still_open])
    text = forecast_texts.morning(
        until,
        [lines[entry.key] for entry in due],
        [(lines[entry.key], names) for entry, names in hidden],
        [lines[entry.key] for entry in missed],
        _on_call(desk, now) if due or hidden or missed else (),
    )
    if coming:
        ready = _readiness(desk, person, accounts, coming, [lines[entry.key] for entry in still_open])
        text = (*text, *(("\n\n",) if text else ()), *ready)
    return text, Tone.WARN if missed else Tone.CALM, [entry.key for entry in due]


def _readiness(
    desk: Desk,
    person: Person,
    accounts: Sequence[Account],
    coming: ComingPeak,
    still_open: Sequence[ForecastRow],
) -> RichText:
    """How ready the accounts are for a peak season."""
    on_call = _on_call(desk, coming.begins_at)
    steps = (step.name for step in desk.directory.policy_on(coming.first).steps)
    vacant = [step for step in steps if step not in dict(on_call)]
    alone = [each.name for each in accounts if each.tam == person.id and not each.tam_backup]
    return forecast_texts.readiness(coming, on_call, vacant, alone, still_open)


async def _evening(desk: Desk, person: Person, turn: Turn, told: dict[str, list[str]]) -> RichText:
    """What changed since the morning; empty if nothing did."""
    now, morning = desk.clock.now(), Turn(MORNING, turn.day).at(person)
    accounts = looked_after(desk, person, now)
    entries = await _entries(desk, accounts, now - LOOK_BACK)
    missed = [e for e in entries if e.summary and any(each > morning for each in e.summary.missed)]
    kept = [
        e
        for e in entries
        if e.key in told["due"] and e.summary and any(each > morning for each in e.summary.kept)
        if e not in missed
    ]
    new = [e for e in entries if e.summary and e.summary.opened_at > morning]
    if not (missed or kept or new):
        return ()
    return forecast_texts.evening([e.key for e in kept], [e.key for e in missed], [e.key for e in new])


async def _entries(desk: Desk, accounts: Sequence[Account], opened: datetime) -> list[QueueEntry]:
    """Tickets of the accounts, most urgent first, without those that an older version changed last."""
    found = await desk.store.since([account.id for account in accounts], opened) if accounts else []
    known = [entry for entry in found if entry.summary]
    far = datetime.max.replace(tzinfo=desk.clock.now().tzinfo)

    def order(entry: QueueEntry) -> tuple[datetime, str]:
        due = entry.summary.due.due_at if entry.summary and entry.summary.due else None
        return due or far, entry.key

    return sorted(known, key=order)


def business_calendar(desk: Desk, account: Account, now: datetime) -> BusinessCalendar | None:
    """The hours in which the account's plan counts; None if all of its promises run around the clock."""
    policy = desk.directory.policy_on(now.date())
    names = [target.calendar for id_ in policy.severities for target in policy.targets(id_, (), account.plan)]
    calendars = (policy.calendar(account.plan, name, account.zone) for name in names if name)
    return next((calendar for calendar in calendars if not calendar.always_open), None)


def works(calendar: BusinessCalendar | None, day: date, zone: ZoneInfo) -> bool:
    """Whether a day of the person's zone is one of the account's business days; without hours, Mon to Fri."""
    if calendar is None:
        return day.weekday() < 5
    start, end = (instant_of(datetime.combine(each, time()), zone) for each in (day, day + _DAY))
    return any(True for _ in calendar.openings(Span(start, end)))


def _next(person: Person, turn: Turn, calendars: Collection[BusinessCalendar | None], step: int) -> Turn:
    """The forecast of the next working day, or of the previous one (`step` is -1)."""
    for days in range(1, MAX_DAYS):
        day = turn.day + step * days * _DAY
        if any(works(calendar, day, zone_of(person)) for calendar in calendars):
            return Turn(MORNING, day)
    return Turn(MORNING, turn.day + step * MAX_DAYS * _DAY)


def _holidays(calendar: BusinessCalendar | None, now: datetime, due_at: datetime) -> list[str]:
    """The names of the closures between now and a due instant."""
    if calendar is None:
        return []
    day, last = now.astimezone(calendar.zone).date(), due_at.astimezone(calendar.zone).date()
    names: dict[str, None] = {}
    for _ in range(MAX_DAYS):
        if day > last:
            break
        noon = instant_of(datetime.combine(day, time(12)), calendar.zone)
        why = "" if calendar.is_open(noon) else calendar.why_closed(noon)
        if why.startswith("holiday: "):
            names[why.removeprefix("holiday: ")] = None
        day += _DAY
    return [*names]


async def _lines(desk: Desk, entries: Sequence[QueueEntry]) -> dict[str, ForecastRow]:
    """What the forecast says of each ticket, by its key."""
    locations = await desk.card_locations({entry.key for entry in entries}, Audience.AGENTS)
    accounts, found = desk.directory.settings.accounts, {}
    for entry in entries:
        assert entry.summary is not None
        location = locations.get(entry.key)
        key: Part = Link(location.url, entry.key) if location and location.url else Strong(entry.key)
        found[entry.key] = ForecastRow(key, accounts[entry.account].name, entry.summary)
    return found


def _on_call(desk: Desk, now: datetime) -> list[tuple[str, str]]:
    """Who is on call first for each step that somebody holds: step and name."""
    policy = desk.directory.policy_on(now.date())
    named = ((step.name, desk.directory.on_duty(step.role, now)[:1]) for step in policy.steps)
    return [(name, people[0].name) for name, people in named if people]
