"""Says who is an agent, customer or TAM, and which account owns a channel. Unknown people are customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from bot.config.settings import Account, DeskSettings, Person
from bot.model.address import Actor, MessageRef, Place, UserRef
from bot.ports import ChatPlatform, PermanentFailure, Priority, TemporaryFailure
from sla_core.events import THE_CLOCK, Who
from sla_core.oncall import OnCall, TimedRota
from sla_core.policy import Policy, version_at
from sla_core.ticket import Ticket

LEADERSHIP = "leadership"


class PolicyVersionMissing(LookupError):
    """The policy version under which a ticket was opened has been removed."""


class Directory:
    """The desk's file, and the members of the user groups that it names, as last read from the platforms."""

    def __init__(self, settings: DeskSettings) -> None:
        self.settings = settings
        self._group_members: dict[tuple[str, str], frozenset[UserRef]] = {}
        self._platforms: Mapping[str, ChatPlatform] = {}
        self._moves: dict[Place, Place] = {}
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
        """Whether the actor is listed, in a listed user group, in a rota, or the TAM of this account."""
        chat = self.settings.chats.get(actor.user.platform)
        if chat is None:
            return False
        if any(actor.user in members for members in self._group_members.values()):
            return True
        if any(_is(actor, UserRef.listed(chat.platform, listed)) for listed in chat.agents):
            return True
        person = self.person(actor)
        if person is None:
            return False
        in_rota = any(person.id in rota.people for rota in self.settings.rotas.values())
        return in_rota or (account is not None and account.tam == person.id)

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

    def escalation_recipients(
        self, account: Account, platform: str, at: datetime
    ) -> list[tuple[Person, UserRef]]:
        """Who gets the direct message of an escalation at `at`: the TAM, else leadership on duty."""
        tam = self.tam(account)
        for people in ([tam] if tam else [], self.on_duty(LEADERSHIP, at)):
            reached = [(person, ref) for person in people if (ref := self.direct_address(person, platform))]
            if reached:
                return reached
        return []


def _is_at(person: Person, user: UserRef) -> bool:
    """Whether the person of the desk's file is this recorded one. The vendor's own tenant is not recorded."""
    listed = person.on(user.platform)
    return listed is not None and listed.id == user.id and listed.home in ("", user.home)


def _is(actor: Actor, listed: UserRef) -> bool:
    """Whether the actor is the person at an address of the desk's file."""
    return actor.user == replace(listed, home=listed.home or actor.team)


@dataclass(frozen=True, slots=True)
class DeskDuty:
    """A `sla_core.paging.Duty`; people are ids of the desk's file."""

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
        return [*self.on_call(LEADERSHIP, at)[:1], *([tam.id] if tam else [])]

    def person_behind(self, who: Who) -> str | None:
        person = self.directory.person_behind(who)
        return person.id if person else None
