"""The desk's file (`frontline.toml`): vendor, chats, people, rotas, accounts. Reports all faults at once."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
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
    model_validator,
)

from bot.config.alerts import AlertsFile, AlertSource, alert_faults
from bot.config.oncall_calendar import OnCallFeed
from bot.config.rotas import read_rotas
from bot.model.address import Place, UserRef
from sla_core.catalog.crosscheck import PROMISED, unknown
from sla_core.catalog.load import Fault, Faults, faults_of, load, vendors
from sla_core.catalog.schema import Tries, WaitText
from sla_core.closing import FEWEST_DAYS
from sla_core.oncall import ListRota, Rota, TimedRota
from sla_core.policy import BusinessDays, Metric, Plan, Policy, Term, parse_amount

PLATFORMS = ("slack", "teams")
NOBODY = ListRota(())
REPEAT, TRIES = timedelta(minutes=5), 2
"""Of pages, unless the file or the policy says otherwise."""
_SLACK_CHANNEL = re.compile(r"^slack:[CG][A-Z0-9]+$")
_ENTRA_ID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12,13}"
"""The Agents Playground's have a digit more."""
_TEAMS_PERSON = re.compile(rf"(?:{_ENTRA_ID}/)?{_ENTRA_ID}")
_TEAMS_GROUP = re.compile(r"19:[^\s/]+")


@dataclass(frozen=True, slots=True)
class Person:
    """A person whom rotas and accounts may name, with their id on each platform."""

    id: str
    name: str
    slack: str | None = None
    teams: str | None = None
    email: str | None = None
    page: tuple[str, ...] = ()
    """Further ways to page them."""

    def on(self, platform: str) -> UserRef | None:
        """Their address on a platform; its `home` is empty for the vendor's own team or tenant."""
        id_ = self.slack if platform == "slack" else self.teams if platform == "teams" else None
        return UserRef.listed(platform, id_) if id_ else None


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
    unticketed: str = "suggest"
    """Plain messages of customers: `suggest` shows agents those that nobody answered, `ignore` none."""
    auto_close: int | None = None
    """After how many business days without a word a resolved ticket is closed; None: never."""


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
    alerts: tuple[AlertSource, ...] = ()

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
    model_config = ConfigDict(extra="forbid", frozen=True)


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
    page: tuple[str, ...] = ()


def _amount(text: str) -> str:
    parse_amount(text)
    return text


def _clause(raw: object) -> object:
    return {"within": raw} if isinstance(raw, str) else raw


class _Clause(_Section):
    """`"2h"`, or with a calendar: `{ within = "8h", calendar = "around-the-clock" }`."""

    within: Annotated[str, AfterValidator(_amount)]
    calendar: str | None = None


class _OrderForm(_Section):
    cites: Annotated[str, Field(min_length=3)]
    hold: bool = False
    terms: dict[str, dict[Metric, Annotated[_Clause, BeforeValidator(_clause)]]] = {}

    @model_validator(mode="before")
    @classmethod
    def _severities_aside(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        known = {key: value for key, value in raw.items() if key in ("cites", "hold")}
        return known | {"terms": {key: value for key, value in raw.items() if key not in known}}


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
    channels: tuple[str, ...]
    board: bool = True
    unticketed: Literal["suggest", "ignore"] = "suggest"
    auto_close: Annotated[int, BeforeValidator(_business_days)] | None = None
    order_form: _OrderForm | None = None


class _Paging(_Section):
    repeat: WaitText = REPEAT
    tries: Tries = TRIES


class _File(_Section):
    vendor: str
    slack: _Slack | None = None
    teams: _Teams | None = None
    people: tuple[_Person, ...] = ()
    rotas: Any = {}
    """Read by bot.config.rotas."""
    paging: _Paging = _Paging()
    alerts: tuple[AlertsFile, ...] = ()
    accounts: tuple[_Account, ...] = ()


def load_desk(path: Path) -> DeskSettings:
    """Reads and checks the file. Raises Faults with everything wrong in it and in the policy it names."""
    name = path.name
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        fix = "write one (README, Connect your own Slack) or set FRONTLINE_CONFIG to where it is"
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
            _against_policy(file, policies[-1]) if policies else (),
            alert_faults(file.alerts, [a.id for a in file.accounts], policies[-1] if policies else None),
        )
        faults += [*wrong_rotas, *(Fault(name, key, says) for check in checks for key, says in check)]
    if faults or file is None:
        raise Faults(faults)
    return _settings(file, policies, rotas)


def _validated(raw: dict[str, Any], name: str) -> tuple[_File | None, list[Fault]]:
    """The file without its unknown keys, which are faults; None if it has other faults."""
    try:
        return _File.model_validate(raw), []
    except ValidationError as wrong:
        faults = [
            replace(f, key=f.key.replace(".order_form.terms.", ".order_form."))
            for f in faults_of(name, wrong)
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


def _plan_id(policy: Policy, name: str) -> str | None:
    """The id of a plan, given its id or a former name; None if unknown."""
    return next((p.id for p in policy.plans.values() if name.lower() in (p.id, *p.aliases)), None)


def _cross_check(file: _File) -> Iterator[tuple[str, str]]:
    """Faults that do not depend on the policy."""
    if file.slack is None and file.teams is None:
        yield "slack", "no chat is named; add a [slack] or a [teams] part with its triage channel"
    elif not any(part and part.triage for part in (file.slack, file.teams)):
        yield "slack.triage", 'names no channel where agents work; write triage = "C0TRIAGE"'
    people = {person.id for person in file.people}
    yield from _teams_id_faults(file)
    triage = {
        f"{name}:{part.triage}" for name, part in (("slack", file.slack), ("teams", file.teams)) if part
    }
    yield from _duplicates("people", [person.id for person in file.people])
    yield from _duplicates("accounts", [account.id for account in file.accounts])
    yield from _duplicates("accounts.channels", [c for account in file.accounts for c in account.channels])
    for account in file.accounts:
        yield from _account_faults(account, people, triage)


def _teams_id_faults(file: _File) -> Iterator[tuple[str, str]]:
    form = (
        "write the person's object id from Entra, such as 00000000-0000-0000-0000-000000000001,"
        " with their tenant's id and / before it if that is not MICROSOFT_APP_TENANT_ID"
    )
    for agent in file.teams.agents if file.teams else ():
        if not (_TEAMS_PERSON.fullmatch(agent) or _TEAMS_GROUP.fullmatch(agent)):
            yield "teams.agents", f'"{agent}" is no id; {form}; or the id of a channel or team, 19:…'
    for person in file.people:
        if person.teams is not None and not _TEAMS_PERSON.fullmatch(person.teams):
            yield f"people.{person.id}.teams", f'"{person.teams}" is no id; {form}'


def _against_policy(file: _File, policy: Policy) -> Iterator[tuple[str, str]]:
    """Names in the file that the policy does not have."""
    roles = {step.role for step in policy.steps}
    for role in file.rotas if isinstance(file.rotas, dict) else ():
        if role not in roles:
            yield f"rotas.{role}", unknown("role", role, roles)
    for account in file.accounts:
        key = f"accounts.{account.id}"
        plan_id = _plan_id(policy, account.plan)
        if plan_id is None:
            yield f"{key}.plan", unknown("plan", account.plan, policy.plans)
        if account.order_form is not None:
            plan = policy.plans.get(plan_id or "")
            for where, says in _order_form_faults(account.order_form, policy, plan):
                yield f"{key}.order_form.{where}", says


def _account_faults(account: _Account, people: set[str], triage: set[str]) -> Iterator[tuple[str, str]]:
    key = f"accounts.{account.id}"
    if account.tam is not None and account.tam not in people:
        yield f"{key}.tam", unknown("person", account.tam, people)
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
        elif platform == "slack" and not _SLACK_CHANNEL.match(channel):
            says = f'"{channel}" is not a channel id; copy one from the channel\'s details: "slack:C0ACME"'
            yield f"{key}.channels", says


def _order_form_faults(form: _OrderForm, policy: Policy, plan: Plan | None) -> Iterator[tuple[str, str]]:
    calendars = {*policy.calendars, *(plan.calendars if plan else ())}
    for severity, clauses in form.terms.items():
        if severity not in policy.severities:
            yield severity, unknown("severity", severity, policy.severities)
            continue
        promised = {target.metric for target in policy.severities[severity].targets}
        for metric, clause in clauses.items():
            where = f"{severity}.{metric}"
            if metric not in PROMISED:
                yield where, unknown("metric", metric, PROMISED)
            elif clause.calendar is not None and clause.calendar not in calendars:
                yield f"{where}.calendar", unknown("calendar", clause.calendar, calendars)
            elif clause.calendar is None and metric not in promised:
                example = f'{{ within = "{clause.within}", calendar = "{sorted(calendars)[0]}" }}'
                yield where, f"the plan makes no such promise, so say which calendar counts it: {example}"


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
    return DeskSettings(
        policies=tuple(policies),
        chats=chats,
        people={p.id: Person(p.id, p.name, p.slack, p.teams, p.email, p.page) for p in file.people},
        rotas=rotas,
        accounts=accounts,
        warnings=(*_unheld_roles(rotas, policy), *_warnings(accounts.values(), policy)),
        paging=PagingSettings(file.paging.repeat, file.paging.tries),
        alerts=tuple(alert.source for alert in file.alerts),
    )


def _account(file: _Account, policy: Policy) -> Account:
    plan = _plan_id(policy, file.plan)
    assert plan is not None
    form = file.order_form
    terms = tuple(
        Term(severity, metric, parse_amount(clause.within), form.cites, clause.calendar)
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
        unticketed=file.unticketed,
        auto_close=file.auto_close,
    )


def _unheld_roles(rotas: Mapping[str, Rota], policy: Policy) -> Iterator[str]:
    for role in dict.fromkeys(step.role for step in policy.steps):
        if rotas.get(role, NOBODY) == NOBODY:
            yield f"rotas.{role}: nobody holds this role of the policy; name the people to call"


def _warnings(accounts: Collection[Account], policy: Policy) -> Iterator[str]:
    for account in accounts:
        plan = policy.plans[account.plan]
        if account.tam and not plan.tam:
            yield f"accounts.{account.id}.tam: the plan {plan.id} has no TAM, so nobody gets a direct message"
        if not account.tam and plan.tam:
            yield f"accounts.{account.id}: no tam is named; escalations go to leadership, else to triage"
        same = [a.id for a in accounts if a.tam and a.tam == account.tam]
        if plan.first_contact and account.id in same[plan.first_contact.most :]:
            most = f"{plan.first_contact.most} that the plan {plan.id} allows, such as {same[0]}"
            yield f"accounts.{account.id}.tam: {account.tam} has the {most}; name somebody else"
