"""Says who is an agent, customer or TAM, and which account owns a channel. Unknown people are customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.config.settings import Account, DeskSettings
from bot.model.address import Actor, MessageRef, Person, Place, UserRef
from bot.ports import ChatPlatform, PermanentFailure, Priority, TemporaryFailure
from sla_core.alerts import Contact
from sla_core.calendar import instant_of
from sla_core.events import THE_CLOCK, Who
from sla_core.oncall import OnCall, TimedRota
from sla_core.policy import Policy, version_at
from sla_core.ticket import Ticket

LEADERSHIP = "leadership"
_UTC = ZoneInfo("UTC")


class PolicyVersionMissing(LookupError):
    """The policy version under which a ticket was opened has been removed."""


class Directory:
    """The desk's file, and the members of the user groups that it names, as last read from the platforms."""

    def __init__(self, settings: DeskSettings) -> None:
        self._group_members: dict[tuple[str, str], frozenset[UserRef]] = {}
        self.replace_settings(settings)
        self._platforms: Mapping[str, ChatPlatform] = {}
        self._moves: dict[Place, Place] = {}
        self.away: dict[str, datetime] = {}
        """TAMs who are away, by their ids, and until when; as last read by `bot.desk.tam.away`."""
        self.names: dict[UserRef, str] = {}
        """What platforms call the agents who are not in `[[people]]`, as far as somebody asked."""

    def replace_settings(self, settings: DeskSettings) -> None:
        """Puts another version of the desk's file in force."""
        self.settings = settings
        named = {(chat.platform, group) for chat in settings.chats.values() for group in chat.agents}
        # Members of a group that is no longer named are agents no more.
        self._group_members = {
            group: members for group, members in self._group_members.items() if group in named
        }
        self._by_channel = {
            (channel.platform, channel.id): account
            for account in settings.accounts.values()
            for channel in account.channels
        }

    async def refresh(self, platforms: Mapping[str, ChatPlatform]) -> list[str]:
        """Reads the members of the user groups that `agents` names. Returns a line for each that failed."""
        self._platforms = platforms
        failed = []
        for chat in self.settings.chats.values():
            platform = platforms.get(chat.platform)
            if platform is None:
                continue
            for group in filter(platform.is_group, chat.agents):
                try:
                    self._group_members[chat.platform, group] = await platform.members(group)
                except (TemporaryFailure, PermanentFailure) as problem:
                    failed.append(f"{chat.platform} user group {group} cannot be read: {problem}")
        return failed

    def policy(self, version: str) -> Policy:
        """The policy with this version. Raises PolicyVersionMissing."""
        for policy in self.settings.policies:
            if policy.version == version:
                return policy
        raise PolicyVersionMissing(
            f"the policy of {version}, under which this was opened, is not in the vendor's folder any more; "
            "put that version back beside the newer one"
        )

    def policy_on(self, day: date) -> Policy:
        return version_at(list(self.settings.policies), day)

    def account_of(self, place: Place) -> Account | None:
        """The account that owns this channel, by its present or a former address."""
        found = (self._by_channel.get((at.platform, at.id)) for at in self.addresses(place))
        return next((account for account in found if account), None)

    def channels_of(self, account: Account) -> list[Place]:
        """The present addresses of the account's channels."""
        return [self.current_address(channel) for channel in account.channels]

    def channel_of(self, ticket: Ticket) -> Place:
        """The present address of the ticket's customer channel."""
        return self.current_address(Place.parse(ticket.opened.channel))

    def moved(self, old: Place, new: Place) -> None:
        """Records that a channel has a new address, which the desk's file may not contain yet."""
        if old in self._later_addresses(new):
            del self._moves[new]
        if old != new:
            self._moves[old] = new

    def current_address(self, place: Place) -> Place:
        """A channel's present address."""
        return [place, *self._later_addresses(place)][-1]

    def _later_addresses(self, place: Place) -> list[Place]:
        addresses = []
        while place in self._moves:
            place = self._moves[place]
            addresses.append(place)
        return addresses

    def former_addresses(self, place: Place) -> list[Place]:
        """A channel's former addresses, latest first."""
        before = [old for old, new in self._moves.items() if new == place]
        return [*before, *(older for old in before for older in self.former_addresses(old))]

    def addresses(self, place: Place) -> tuple[Place, ...]:
        """The channel's present and former addresses. Its messages keep their ids when it moves."""
        return (place, *self.former_addresses(place), self.current_address(place))

    def rate_limit_key_of(self, place: Place) -> str:
        """The rate limit that countdowns in this place share; empty if the platform has none."""
        platform = self._platforms.get(place.platform)
        charges = platform.charges(place, MessageRef(place, ""), Priority.COUNTDOWN) if platform else ()
        return charges[-1].bucket if charges else ""

    def is_triage(self, place: Place) -> bool:
        chat = self.settings.chats.get(place.platform)
        return (
            chat is not None
            and chat.triage is not None
            and self.current_address(chat.triage) == self.current_address(place)
        )

    def triage_for(self, channel: Place) -> Place:
        """The triage channel for a customer channel: on the same platform if that has one."""
        own = self.settings.chats.get(channel.platform)
        every = [chat.triage for chat in (own, *self.settings.chats.values()) if chat and chat.triage]
        return self.current_address(every[0])

    def is_agent(self, actor: Actor, account: Account | None = None) -> bool:
        """Whether the actor is listed, in a listed user group, in a rota, or the TAM of this account.

        A token of the API is an agent if it may write, of the accounts that it reaches.
        """
        if actor.token is not None:
            return actor.token.may_act(account.id if account else None)
        chat = self.settings.chats.get(actor.user.platform)
        if chat is None:
            return False
        if any(actor.user in members for members in self._group_members.values()):
            return True
        if any(_is(actor, UserRef.listed(chat.platform, listed)) for listed in chat.agents):
            return True
        person = self.person(actor)
        return person is not None and self._works_for(person, account)

    def _works_for(self, person: Person, account: Account | None) -> bool:
        """Whether the person is in a rota, or the TAM of this account."""
        in_rota = any(person.id in rota.people for rota in self.settings.rotas.values())
        return in_rota or (account is not None and account.tam == person.id)

    def agents(self, account: Account | None, platform: str) -> tuple[list[Person], list[UserRef]]:
        """All agents of this account who are on a platform: people of the desk's file, and the others."""
        chat, known = self.settings.chats.get(platform), self._platforms.get(platform)
        listed = (
            [] if chat is None else [each for each in chat.agents if not (known and known.is_group(each))]
        )
        users = dict.fromkeys(UserRef.listed(platform, each) for each in listed)
        for (of, _), members in self._group_members.items():
            users |= dict.fromkeys(sorted(members, key=str) if of == platform else ())
        here = [person for person in self.settings.people.values() if person.on(platform)]
        people = [
            person
            for person in here
            if self._works_for(person, account) or any(_is_at(person, user) for user in users)
        ]
        return people, [user for user in users if not any(_is_at(person, user) for person in here)]

    def same_person(self, one: Who, other: Who) -> bool:
        """Whether two people are one, perhaps on two platforms."""
        if one.id == other.id:
            return True
        known = self.person_behind(one)
        return known is not None and known == self.person_behind(other)

    def person(self, actor: Actor) -> Person | None:
        """The actor's entry in the desk's file, or None."""
        addresses = ((person, person.on(actor.user.platform)) for person in self.settings.people.values())
        return next((person for person, address in addresses if address and _is(actor, address)), None)

    def person_behind(self, who: Who) -> Person | None:
        """The entry of whoever acted, on any platform; None for a customer and for the clock."""
        if who.id == THE_CLOCK.id:
            return None
        user = UserRef.parse(who.id)
        return next((person for person in self.settings.people.values() if _is_at(person, user)), None)

    def name_of(self, actor: Actor) -> str:
        person = self.person(actor)
        return person.name if person else actor.name

    def tam(self, account: Account) -> Person | None:
        """The account's Technical Account Manager, or None if its plan has none."""
        plan = self.settings.policies[-1].plans[account.plan]
        return self.settings.people[account.tam] if account.tam and plan.tam else None

    def first_contact(self, account: Account | None, plan: str, policy: Policy) -> Person | None:
        """The account's TAM if this plan makes them the customer's first contact, otherwise None."""
        named = policy.plans[plan].first_contact
        return self.tam(account) if account and named else None

    def present_contact(self, account: Account, at: datetime) -> Person | None:
        """The account's TAM; while she is away, her backup. None while neither is there."""
        both = (self.tam(account), self.settings.people.get(account.tam_backup or ""))
        return next((person for person in both if person and not self.is_away(person, at)), None)

    def solution_architect(self, account: Account) -> Person | None:
        """The account's Solution Architect, or None if its plan has none (M3-7)."""
        plan = self.settings.policies[-1].plans[account.plan]
        named = account.solution_architect
        return self.settings.people[named] if named and plan.tam else None

    def rota(self, role: str, at: datetime) -> list[Person]:
        """The people of a role in the order in which they are paged at `at`.

        In a list, in its order. Otherwise the one on call, then the others as they come on call; empty if
        nobody is on call.
        """
        rota = self.settings.rotas.get(role)
        return [self.settings.people[id_] for id_ in rota.paging_order(at)] if rota else []

    def on_call(self, role: str, at: datetime) -> OnCall:
        """Who holds the role, until when, and who is next, by ids."""
        rota = self.settings.rotas.get(role)
        return rota.on_call(at) if rota else OnCall(None)

    def on_duty(self, role: str, at: datetime) -> list[Person]:
        """Everybody in a list; otherwise the one on call."""
        rota = self.settings.rotas.get(role)
        return [self.settings.people[id_] for id_ in rota.on_duty(at)] if rota else []

    def direct_address(self, person: Person, prefer: str) -> UserRef | None:
        """A person's address for direct messages, on `prefer` if possible. None if they have none."""
        for platform in (prefer, *self.settings.chats):
            address = person.on(platform)
            if address and platform in self.settings.chats:
                return address
        return None

    def is_away(self, person: Person, at: datetime) -> bool:
        return self.away.get(person.id, at) > at

    def told_first(self, account: Account, at: datetime, escalated: bool) -> list[Contact]:
        """Who gets the direct message about a warning, a breach or an escalation at `at`.

        The TAM; while she is away, her backup; if neither can be reached, leadership on duty. For an account
        without a TAM: leadership, and only for an escalation.
        """
        tam = self.tam(account)
        if tam is None and not escalated:
            return []
        away_until = self.away[tam.id] if tam and self.is_away(tam, at) else None
        instead_of = tam.id if tam and away_until else None
        backup = self.settings.people.get(account.tam_backup or "")
        present = [[each] for each in (tam, backup if tam else None) if each and not self.is_away(each, at)]
        for people in (*present, self.on_duty(LEADERSHIP, at)):
            reached = [person for person in people if self.direct_address(person, "")]
            if reached:
                return [
                    Contact(person.id, instead_of, away_until) if person != tam else Contact(person.id)
                    for person in reached
                ]
        return [Contact(tam.id)] if tam and self.direct_address(tam, "") else []


def zone_of(person: Person) -> ZoneInfo:
    """Where a person is: for snoozes, quiet hours and forecasts."""
    return person.zone or _UTC


def back_on(person: Person, until: datetime) -> date:
    """The first day back of somebody who is away until this instant, where they are."""
    return until.astimezone(zone_of(person)).date()


def quiet_until(person: Person, at: datetime) -> datetime | None:
    """When the quiet hours end that the person has at `at`; None if they have none then."""
    if person.quiet is None:
        return None
    zone = zone_of(person)
    begins, ends = person.quiet
    today = at.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        midnight = datetime.combine(day, time())
        last = midnight + (ends if ends > begins else ends + timedelta(days=1))
        if instant_of(midnight + begins, zone) <= at < (end := instant_of(last, zone)):
            return end
    return None


def _is_at(person: Person, user: UserRef) -> bool:
    """Whether the person of the desk's file is this recorded one. The vendor's own tenant is not recorded."""
    listed = person.on(user.platform)
    return listed is not None and listed.id == user.id and listed.home in ("", user.home)


def _is(actor: Actor, listed: UserRef) -> bool:
    """Whether the actor is the person at an address of the desk's file."""
    return actor.user == replace(listed, home=listed.home or actor.team)


@dataclass(frozen=True, slots=True)
class DeskDuty:
    """A `sla_core.engine.Duty`; people are ids of the desk's file."""

    directory: Directory

    @property
    def repeat(self) -> timedelta:
        return self.directory.settings.paging.repeat

    @property
    def tries(self) -> int:
        return self.directory.settings.paging.tries

    def on_call(self, role: str, at: datetime) -> list[str]:
        return [person.id for person in self.directory.rota(role, at)]

    def in_turn(self, role: str) -> frozenset[str]:
        rota = self.directory.settings.rotas.get(role)
        return rota.people if isinstance(rota, TimedRota) else frozenset()

    def on_turn(self, role: str, at: datetime) -> OnCall:
        return self.directory.on_call(role, at)

    def last_resort(self, account: str, at: datetime) -> list[str]:
        known = self.directory.settings.accounts.get(account)
        tam = self.directory.tam(known) if known else None
        people = self.on_call(LEADERSHIP, at)[:1]
        if known and tam and self.directory.is_away(tam, at):
            backup = self.directory.settings.people.get(known.tam_backup or "")
            people += [backup.id] if backup and not self.directory.is_away(backup, at) else []
            return people or [tam.id]
        return [*people, *([tam.id] if tam else [])]

    def person_behind(self, who: Who) -> str | None:
        person = self.directory.person_behind(who)
        return person.id if person else None

    def told_first(self, account: str, at: datetime, escalated: bool) -> list[Contact]:
        known = self.directory.settings.accounts.get(account)
        return self.directory.told_first(known, at, escalated) if known else []

    def backup(self, account: str, at: datetime) -> list[str]:
        known = self.directory.settings.accounts.get(account)
        if known is None or self.directory.tam(known) is None:
            return []
        return self._reached([known.tam_backup or ""], at)

    def leader(self, at: datetime) -> list[str]:
        return self._reached(self.on_call(LEADERSHIP, at)[:1], at)

    def _reached(self, people: list[str], at: datetime) -> list[str]:
        directory = self.directory
        known = [each for id_ in people if (each := directory.settings.people.get(id_))]
        return [
            person.id
            for person in known
            if directory.direct_address(person, "") and not directory.is_away(person, at)
        ]

    def quiet_until(self, person: str, at: datetime) -> datetime | None:
        known = self.directory.settings.people.get(person)
        return quiet_until(known, at) if known else None
