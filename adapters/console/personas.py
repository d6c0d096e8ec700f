"""The people you can play in the terminal and the channels they read, from the desk's file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bot.config.settings import Account, DeskSettings
from bot.model.address import Actor, Person, Place, UserRef

TEAM = "console"
"""The vendor's workspace. Customers belong to other workspaces, so that they are never agents."""
_CUSTOMERS = ("Alice", "Yuki", "Omar", "Lena", "Pablo", "Nora", "Femi", "Ingrid")
_SAMPLE_AGENT = "Sam"


@dataclass(frozen=True, slots=True)
class ConsoleChannel:
    """A channel: the label that `in` takes, and its readers."""

    place: Place
    label: str
    readers: str


@dataclass(frozen=True, slots=True)
class Persona:
    """A person you can play. `as` accepts both `name` and `id`."""

    id: str
    name: str
    role: str
    actors: Mapping[str, Actor]
    channels: frozenset[Place]
    home: Place

    def direct(self, platform: str) -> Place | None:
        """Their direct conversation with the bot, or None if they are not on this platform."""
        actor = self.actors.get(platform)
        return direct(actor.user) if actor else None

    def reads(self, place: Place) -> bool:
        return place in self.channels or any(direct(actor.user) == place for actor in self.actors.values())


def direct(user: UserRef) -> Place:
    return Place(user.platform, f"D-{user.id}", True)


class Personas:
    """All personas, customers first, and all channels."""

    def __init__(self, settings: DeskSettings) -> None:
        self.settings = settings
        taken = {name.casefold() for p in settings.people.values() for name in (p.id, p.name)}
        names = (name for name in _CUSTOMERS if name.casefold() not in taken)
        customers = {
            account.id: _customer_persona(account, next(names, f"Customer-{account.id}"), settings)
            for account in settings.accounts.values()
        }
        self.channels = tuple(_console_channels(settings, customers))
        everywhere = frozenset(channel.place for channel in self.channels)
        self.people = (
            *(persona for persona in customers.values() if persona.actors),
            *_vendor_personas(settings, everywhere),
        )
        if not self.people:
            raise ValueError("the desk's file has no people; add an account or [[people]]")

    def find(self, name: str) -> Persona | None:
        wanted = name.strip().casefold()
        return next((p for p in self.people if wanted in (p.id.casefold(), p.name.casefold())), None)

    def channel(self, label: str) -> ConsoleChannel | None:
        wanted = label.strip().lstrip("#").casefold()
        return next((channel for channel in self.channels if channel.label[1:].casefold() == wanted), None)

    def label(self, place: Place) -> str:
        return next(
            (channel.label for channel in self.channels if channel.place == place),
            "dm" if place.direct else "#?",
        )

    def heading(self, place: Place) -> str:
        """The place and its readers, as a heading."""
        for channel in self.channels:
            if channel.place == place:
                return f"{channel.label} · {channel.readers}"
        if not place.direct:
            return f"channel {place.id}"
        owner = next((p for p in self.people if p.direct(place.platform) == place), None)
        return f"direct message to {owner.name if owner else place.id.removeprefix('D-')}"

    def members(self, platform: str, group: str) -> frozenset[UserRef]:
        """The members of a user group: the sample agent, if the file names no other."""
        return frozenset(
            actor.user
            for persona in self.people
            if persona.id == _SAMPLE_AGENT.casefold() and (actor := persona.actors.get(platform))
            if is_group(platform, group)
        )


def is_group(platform: str, id: str) -> bool:
    return platform == "slack" and id.startswith("S")


def _customer_persona(account: Account, name: str, settings: DeskSettings) -> Persona:
    channels = [place for place in account.channels if place.platform in settings.chats]
    actors = {
        place.platform: Actor(
            UserRef(place.platform, f"of-{account.id}", f"customer-{account.id}"), TEAM, name
        )
        for place in channels
    }
    home = next(iter(channels), account.channels[0])
    return Persona(name.casefold(), name, f"customer of {account.name}", actors, frozenset(channels), home)


def _console_channels(settings: DeskSettings, customers: Mapping[str, Persona]) -> Iterator[ConsoleChannel]:
    labels: set[str] = set()

    def label(name: str, platform: str) -> str:
        tries = (f"#{name}", f"#{name}-{platform}", *(f"#{name}-{platform}-{n}" for n in range(2, 1000)))
        free = next(text for text in tries if text not in labels)
        labels.add(free)
        return free

    for chat in settings.chats.values():
        if chat.triage is not None:
            yield ConsoleChannel(chat.triage, label("triage", chat.platform), "agents see")
    for account in settings.accounts.values():
        for place in account.channels:
            if place.platform in settings.chats:
                sees = f"{customers[account.id].name} sees"
                yield ConsoleChannel(place, label(account.id, place.platform), sees)


def _vendor_personas(settings: DeskSettings, channels: frozenset[Place]) -> Iterator[Persona]:
    """The vendor's people, then agents named by ID only, then a sample agent if there is no other."""
    chats = settings.chats
    seen: set[UserRef] = set()
    agents = 0
    for person in settings.people.values():
        ids = {platform: address for platform in chats if (address := person.on(platform))}
        seen |= set(ids.values())
        if not ids:
            continue
        is_agent = _is_agent(settings, person)
        agents += is_agent
        yield _vendor_persona(
            settings, person.id, person.name, _role(settings, person, is_agent), ids, channels
        )
    for chat in chats.values():
        for id_ in chat.agents:
            listed = UserRef.listed(chat.platform, id_)
            if listed not in seen and not is_group(chat.platform, id_):
                agents += 1
                yield _vendor_persona(settings, id_, id_, "agent", {chat.platform: listed}, channels)
    groups = {c.platform: g for c in chats.values() for g in c.agents if is_group(c.platform, g)}
    if groups and not agents:
        ids = {platform: UserRef(platform, "", f"sample-{_SAMPLE_AGENT.casefold()}") for platform in groups}
        yield _vendor_persona(settings, _SAMPLE_AGENT.casefold(), _SAMPLE_AGENT, "agent", ids, channels)


def _vendor_persona(
    settings: DeskSettings,
    id: str,
    name: str,
    role: str,
    ids: Mapping[str, UserRef],
    channels: frozenset[Place],
) -> Persona:
    actors = {
        platform: Actor(replace(address, home=address.home or TEAM), TEAM, name)
        for platform, address in ids.items()
    }
    first, actor = next(iter(actors.items()))
    triage = settings.chats[first].triage if role == "agent" else None
    home = triage or direct(actor.user)
    return Persona(id, name, role, actors, frozenset(r for r in channels if r.platform in actors), home)


def _is_agent(settings: DeskSettings, person: Person) -> bool:
    listed = any(
        UserRef.listed(chat.platform, agent) == person.on(chat.platform)
        for chat in settings.chats.values()
        for agent in chat.agents
    )
    return listed or any(person.id in rota.people for rota in settings.rotas.values())


def _role(settings: DeskSettings, person: Person, is_agent: bool) -> str:
    if is_agent:
        return "agent"
    looked_after = [account.id for account in settings.accounts.values() if account.tam == person.id]
    return f"TAM of {', '.join(looked_after)}" if looked_after else "colleague"
