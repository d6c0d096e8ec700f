"""The desk's file (`frontline.toml`): vendor, chats, people, rotas, accounts. Reports all faults at once."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from bot.config.alarms import AlarmSource, AlertsFile, alert_faults
from bot.config.contacts import (
    contact_faults,
    contact_warnings,
    phone_faults,
    plan_id,
    shared_contacts,
    with_phones,
)
from bot.config.ids import channel_fault, id_faults
from bot.config.oncall_calendar import OnCallFeed
from bot.config.order_forms import OrderFormPart, order_form_faults
from bot.config.pagers import (
    NO_VARIABLE,
    ON_CALL_TEAM,
    VARIABLE,
    Pager,
    PagerPart,
    pager_faults,
    pager_warnings,
    pagers_of,
    rotas_with_pagers,
)
from bot.config.rotas import DayPart, Zone, read_rotas
from bot.config.saved_replies import SavedReply, read_saved_replies
from bot.config.web import Webhook, WebhookPart, WebPart, webhook_faults, webhooks_of
from bot.model.address import Person, Place
from sla_core.catalog.crosscheck import unknown
from sla_core.catalog.files import Fault, Faults, faults_of
from sla_core.catalog.load import load, vendors
from sla_core.catalog.schema import Tries, WaitText
from sla_core.engine import FEWEST_DAYS
from sla_core.oncall import ListRota, Rota, TimedRota
from sla_core.policy import BusinessDays, Policy, Term, parse_amount

PLATFORMS = ("slack", "teams")
NOBODY = ListRota(())
REPEAT, TRIES = timedelta(minutes=5), 2
"""Of pages, unless the file or the policy says otherwise."""


@dataclass(frozen=True, slots=True)
class Account:
    """A customer of the vendor: its plan, its channels, its TAM, and the terms of its order form."""

    id: str
    name: str
    plan: str
    channels: tuple[Place, ...]
    tam: str | None = None
    terms: tuple[Term, ...] = ()
    may_hold: bool = False
    board: bool = True
    """Whether its channels have a board of open tickets."""
    tam_backup: str | None = None
    """Who gets the TAM's messages while she is away or does not answer."""
    solution_architect: str | None = None
    """Whom agents may ask; told of nothing (M3-7)."""
    unticketed: str = "suggest"
    """Plain messages of customers: `suggest` shows agents those that nobody answered, `ignore` none."""
    auto_close: int | None = None
    """After how many business days without a word a resolved ticket is closed; None: never."""
    monthly_report: bool = False
    """Whether the month's figures are also posted in its channel."""
    zone: str = ""
    """The customer's time zone, by name; empty if the file names none."""


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """The vendor's side of one platform: the triage channel, and the agents (people or user groups).

    Without a triage channel here, agents work these tickets on the other platform.
    """

    platform: str
    triage: Place | None
    agents: tuple[str, ...]
    command: str = "/support"


@dataclass(frozen=True, slots=True)
class PagingSettings:
    """How long a page waits for an answer, and how often a person is paged before the next one is."""

    repeat: timedelta = REPEAT
    tries: int = TRIES


@dataclass(frozen=True, slots=True)
class OpeningLimits:
    """How many tickets one person, and one account, may open in an hour."""

    per_person: int = 30
    per_account: int = 200


@dataclass(frozen=True)
class DeskSettings:
    """The content of the desk's file, checked against the policy that it names."""

    policies: tuple[Policy, ...]
    chats: Mapping[str, ChatSettings]
    people: Mapping[str, Person]
    rotas: Mapping[str, Rota]
    accounts: Mapping[str, Account]
    warnings: tuple[str, ...] = ()
    paging: PagingSettings = PagingSettings()
    alerts: tuple[AlarmSource, ...] = ()
    limits: OpeningLimits = field(default_factory=OpeningLimits)
    pagers: Mapping[str, Pager] = field(default_factory=dict)
    """By name. One whose role nobody holds is also in `people`, and holds that role."""
    web_url: str = ""
    """Where browsers reach the desk, such as `https://desk.example`; empty: it has no page for them."""
    saved_replies: tuple[SavedReply, ...] = ()
    """By name."""
    webhooks: tuple[Webhook, ...] = ()

    @property
    def feeds(self) -> Mapping[str, OnCallFeed]:
        """The calendars that have to be fetched, by role."""
        return {
            role: layer
            for role, rota in self.rotas.items()
            if isinstance(rota, TimedRota)
            for layer in rota.layers
            if isinstance(layer, OnCallFeed)
        }


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class _Slack(_Section):
    command: Annotated[str, Field(pattern=r"^/[a-z0-9_-]{1,31}$")] = "/support"
    triage: Annotated[str, Field(min_length=2)] | None = None
    agents: tuple[str, ...] = ()


def _as_teams_writes_it(id_: str) -> str:
    return id_ if id_.startswith("19:") else id_.lower()


_TeamsId = Annotated[str, AfterValidator(_as_teams_writes_it)]


class _Teams(_Section):
    triage: Annotated[str, Field(min_length=2)] | None = None
    agents: tuple[_TeamsId, ...] = ()


class _Person(_Section):
    id: str
    name: str
    slack: str | None = None
    teams: _TeamsId | None = None
    email: str | None = None
    page: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    zone: Zone | None = None
    quiet: DayPart | None = None


def _business_days(text: object) -> int:
    days = parse_amount(text) if isinstance(text, str) else None
    if not isinstance(days, BusinessDays) or days.count < FEWEST_DAYS:
        raise ValueError(
            f'must be "{FEWEST_DAYS} business days" or more: the customer is told one business day before'
        )
    return days.count


class _Account(_Section):
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,23}$")]
    name: str
    plan: str
    tam: str | None = None
    tam_backup: str | None = None
    solution_architect: str | None = None
    channels: tuple[str, ...]
    board: bool = True
    unticketed: Literal["suggest", "ignore"] = "suggest"
    auto_close: Annotated[int, BeforeValidator(_business_days)] | None = None
    monthly_report: bool = False
    order_form: OrderFormPart | None = None
    zone: Zone | None = None


class _Paging(_Section):
    repeat: WaitText = REPEAT
    tries: Tries = TRIES


class _Limits(_Section):
    opens_per_person: Annotated[int, Field(ge=1)] = OpeningLimits().per_person
    opens_per_account: Annotated[int, Field(ge=1)] = OpeningLimits().per_account


class _File(_Section):
    vendor: str
    slack: _Slack | None = None
    teams: _Teams | None = None
    people: tuple[_Person, ...] = ()
    rotas: Any = {}
    """Read by bot.config.rotas."""
    paging: _Paging = _Paging()
    alerts: tuple[AlertsFile, ...] = ()
    pagers: tuple[PagerPart, ...] = ()
    webhooks: tuple[WebhookPart, ...] = ()
    limits: _Limits = _Limits()
    web: WebPart | None = None
    accounts: tuple[_Account, ...] = ()
    phones: dict[str, str] = {}
    """Telephone numbers by plan; see bot.config.contacts."""


def load_desk(path: Path) -> DeskSettings:
    """Reads and checks the file. Raises Faults with everything wrong in it and in the policy it names."""
    name = path.name
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        fix = "make one with frontline init, or set FRONTLINE_CONFIG to where it is"
        raise Faults([Fault(str(path), "", f"there is no such file; {fix}")]) from None
    except OSError as unreadable:
        raise Faults([Fault(str(path), "", f"cannot be read: {unreadable.strerror}")]) from None
    except UnicodeDecodeError as unreadable:
        raise Faults([Fault(str(path), "", f"cannot be read: {unreadable}")]) from None
    except tomllib.TOMLDecodeError as broken:
        raise Faults([Fault(name, "", f"is not valid TOML: {broken}")]) from None
    file, faults = _validated(raw, name)
    policies: list[Policy] = []
    if file is not None:
        try:
            policies = load(_vendor(file.vendor, path))
        except Faults as wrong:
            faults += wrong.faults
        rotas, wrong_rotas = read_rotas(file.rotas, name, path.parent, _names(file.people))
        checks = (
            _cross_check(file),
            alert_faults(file.alerts, [a.id for a in file.accounts], policies[-1] if policies else None),
            *(
                (_against_policy(file, policies[-1]), phone_faults(file.phones, policies[-1]))
                if policies
                else ()
            ),
        )
        saved_replies, wrong_replies = read_saved_replies(path.parent)
        faults += [
            *wrong_rotas,
            *wrong_replies,
            *(Fault(name, key, says) for check in checks for key, says in check),
        ]
    if faults or file is None:
        raise Faults(faults)
    settings = _settings(file, [with_phones(policy, file.phones) for policy in policies], rotas)
    return replace(settings, saved_replies=saved_replies)


def _validated(raw: dict[str, Any], name: str) -> tuple[_File | None, list[Fault]]:
    """The file without its unknown keys, which are faults; None if it has other faults."""
    try:
        return _File.model_validate(raw), []
    except ValidationError as wrong:
        faults = [
            replace(f, key=f.key.replace(".order_form.terms.", ".order_form."))
            for f in faults_of(name, wrong, _File)
        ]
        for error in wrong.errors():
            if error["type"] != "extra_forbidden" or not _removed(raw, error["loc"]):
                return None, faults
    return _File.model_validate(raw), faults


def _removed(raw: Any, where: tuple[int | str, ...]) -> bool:
    """Removes one key from the raw file. Returns False if it is not there."""
    try:
        for step in where[:-1]:
            raw = raw[step]
        del raw[where[-1]]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _vendor(vendor: str, path: Path) -> str | Path:
    return vendor if vendor in vendors() else path.parent / vendor


def _names(people: Iterable[_Person]) -> dict[str, str]:
    """What a calendar may call each person, casefolded, by id. A name of several people is left out."""
    called = [(name.casefold(), p.id) for p in people for name in {p.name, p.email or p.name} - {p.id}]
    once = Counter(name for name, _ in called)
    return {name: id_ for name, id_ in called if once[name] == 1} | {p.id.casefold(): p.id for p in people}


def _cross_check(file: _File) -> Iterator[tuple[str, str]]:
    """Faults that do not depend on the policy."""
    if file.slack is None and file.teams is None:
        yield "slack", "no chat is named; add a [slack] or a [teams] part with its triage channel"
    elif not any(part and part.triage for part in (file.slack, file.teams)):
        yield "slack.triage", 'names no channel where agents work; write triage = "C0TRIAGE"'
    people = {person.id for person in file.people}
    yield from id_faults(file.slack, file.teams, file.people)
    triage = {
        f"{name}:{part.triage}" for name, part in (("slack", file.slack), ("teams", file.teams)) if part
    }
    yield from _duplicates("people", [person.id for person in file.people])
    yield from _duplicates("pagers", [pager.name for pager in file.pagers])
    yield from pager_faults(file.pagers, people)
    yield from webhook_faults(file.webhooks, [account.id for account in file.accounts])
    for person in file.people:
        if any(each.startswith("$") and not VARIABLE.fullmatch(each) for each in person.page):
            yield f"people.{person.id}.page", NO_VARIABLE
    yield from _duplicates("accounts", [account.id for account in file.accounts])
    yield from _duplicates("accounts.channels", [c for account in file.accounts for c in account.channels])
    for account in file.accounts:
        yield from _account_faults(account, people, triage)


def _against_policy(file: _File, policy: Policy) -> Iterator[tuple[str, str]]:
    """Names in the file that the policy does not have."""
    roles = {step.role for step in policy.steps}
    for role in file.rotas if isinstance(file.rotas, dict) else ():
        if role not in roles:
            yield f"rotas.{role}", unknown("role", role, roles)
    for pager in file.pagers:
        if pager.role not in roles:
            yield f"pagers.{pager.name}.role", unknown("role", pager.role, roles)
    for account in file.accounts:
        key = f"accounts.{account.id}"
        known = plan_id(policy, account.plan)
        if known is None:
            yield f"{key}.plan", unknown("plan", account.plan, policy.plans)
        elif account.zone is None and policy.follows_customer(known):
            says = "is missing: promises count hours in the customer's zone"
            yield f"{key}.zone", f'{says}; write zone = "Europe/Berlin"'
        if account.order_form is not None:
            plan = policy.plans.get(known or "")
            for where, says in order_form_faults(account.order_form, policy, plan):
                yield f"{key}.order_form.{where}", says
    yield from shared_contacts(file.accounts, policy, enforced=True)


def _account_faults(account: _Account, people: set[str], triage: set[str]) -> Iterator[tuple[str, str]]:
    key = f"accounts.{account.id}"
    yield from contact_faults(account, people)
    if not account.channels:
        yield f"{key}.channels", 'needs at least one channel, such as "slack:C0ACME"'
    for channel in account.channels:
        try:
            platform = Place.parse(channel).platform
        except ValueError as wrong:
            yield f"{key}.channels", str(wrong)
            continue
        if platform not in PLATFORMS:
            yield f"{key}.channels", unknown("platform", platform, PLATFORMS)
        elif channel in triage:
            says = (
                f'"{channel}" is triage, where agents talk among themselves; name a channel of the customer'
            )
            yield f"{key}.channels", says
        elif no_id := channel_fault(channel):
            yield f"{key}.channels", no_id


def _duplicates(key: str, names: list[str]) -> Iterator[tuple[str, str]]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield key, f'"{name}" is there more than once; keep one of them'


def _settings(file: _File, policies: list[Policy], rotas: Mapping[str, Rota]) -> DeskSettings:
    policy = policies[-1]
    chats: dict[str, ChatSettings] = {}
    if file.slack:
        triage = Place("slack", file.slack.triage) if file.slack.triage else None
        chats["slack"] = ChatSettings("slack", triage, file.slack.agents, file.slack.command)
    if file.teams:
        triage = Place("teams", file.teams.triage) if file.teams.triage else None
        chats["teams"] = ChatSettings("teams", triage, file.teams.agents, command="")
    accounts = {account.id: _account(account, policy) for account in file.accounts}
    pagers = pagers_of(file.pagers)
    held = rotas_with_pagers(rotas, pagers.values())
    on_call_teams = {name for rota in held.values() for name in rota.people} & pagers.keys()
    people = {person.id: _person(person) for person in file.people}
    return DeskSettings(
        policies=tuple(policies),
        chats=chats,
        people=people | {name: Person(name, ON_CALL_TEAM) for name in sorted(on_call_teams)},
        rotas=held,
        accounts=accounts,
        warnings=(
            *_unheld_roles(held, policy),
            *pager_warnings(pagers.values()),
            *contact_warnings(accounts.values(), policy),
        ),
        paging=PagingSettings(file.paging.repeat, file.paging.tries),
        alerts=tuple(alert.source for alert in file.alerts),
        pagers=pagers,
        webhooks=webhooks_of(file.webhooks),
        web_url=file.web.url if file.web else "",
        limits=OpeningLimits(file.limits.opens_per_person, file.limits.opens_per_account),
    )


def _person(part: _Person) -> Person:
    return Person(part.id, part.name, part.slack, part.teams, part.email, part.page, part.zone, part.quiet)


def _account(file: _Account, policy: Policy) -> Account:
    plan = plan_id(policy, file.plan)
    assert plan is not None
    form = file.order_form
    terms = tuple(
        Term(severity, metric, parse_amount(clause.within), form.cites, clause.calendar, clause.name)
        for severity, clauses in (form.terms if form else {}).items()
        for metric, clause in clauses.items()
        if form
    )
    may_hold = policy.plans[plan].hold or (form is not None and form.hold)
    channels = tuple(Place.parse(channel) for channel in file.channels)
    return Account(
        file.id,
        file.name,
        plan,
        channels,
        file.tam,
        terms,
        may_hold,
        board=file.board,
        tam_backup=file.tam_backup,
        solution_architect=file.solution_architect,
        unticketed=file.unticketed,
        auto_close=file.auto_close,
        monthly_report=file.monthly_report,
        zone=file.zone.key if file.zone else "",
    )


def _unheld_roles(rotas: Mapping[str, Rota], policy: Policy) -> Iterator[str]:
    for role in dict.fromkeys(step.role for step in policy.steps):
        if rotas.get(role, NOBODY) == NOBODY:
            yield f"rotas.{role}: nobody holds this role of the policy; name the people to call"
