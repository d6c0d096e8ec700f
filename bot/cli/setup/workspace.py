"""The channels, people and user groups of a Slack workspace, found by the names that an operator types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Generic, TypeVar

from bot.config.ids import CHANNEL_ID, PERSON_ID, SLACK_CHANNEL, SLACK_GROUP, SLACK_PERSON
from bot.faults import OperatorFault

OFFERED = 12
"""The most names that a question lists."""


class NotFound(OperatorFault):
    """No channel, person or group has this name; says what to do."""


@dataclass(frozen=True, slots=True)
class Channel:
    id: str
    name: str
    has_bot: bool = True
    """Whether the bot is in it."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.id, self.name)

    @property
    def shown(self) -> str:
        return f"#{self.name}"


@dataclass(frozen=True, slots=True)
class Member:
    id: str
    name: str
    """What people call them."""
    handle: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.id, self.handle, self.name)

    @property
    def shown(self) -> str:
        return f"@{self.handle or self.name}"


@dataclass(frozen=True, slots=True)
class Group:
    id: str
    handle: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.id, self.handle)

    @property
    def shown(self) -> str:
        return f"@{self.handle}"


Named = TypeVar("Named", Channel, Member, Group, Member | Group)


@dataclass(frozen=True, slots=True)
class Found(Generic[Named]):
    """What one name stands for: exactly one, none, or several."""

    matches: list[Named]
    similar: list[str]


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the bot's token can read."""

    team: str
    bot: str
    """The bot's name, as people invite it."""
    channels: Sequence[Channel] = ()
    members: Sequence[Member] = ()
    groups: Sequence[Group] = ()
    complete: bool = True
    """False if there are more than were read: ids are then taken as they are."""
    readable: bool = True
    """False if nothing was read, so that names cannot be found."""
    lacking: Sequence[str] | None = ()
    """The optional scopes that the token lacks; None if the platform does not say what it was granted."""
    no_groups: str = ""
    """Why the workspace lists no user groups, in the platform's word; empty if it lists them."""

    def channel(self, text: str) -> Channel:
        """The channel with this name or id. Raises NotFound."""
        found = _find(self.channels, text, "#")
        if len(found.matches) == 1:
            return found.matches[0]
        if not self.complete and SLACK_CHANNEL.fullmatch(id_ := _bare(text, "#")):
            return Channel(id_, id_)
        if not self.readable:
            raise NotFound(f'"{text.strip()}" is no id of a channel; {CHANNEL_ID}')
        raise NotFound(
            f'{self.team} has no channel "{text.strip()}" that {self.bot} can see{_similar(found)}; a private'
            f" channel shows once you type /invite @{self.bot} in it"
        )

    def member(self, text: str) -> Member:
        """The person with this name, handle or id. Raises NotFound."""
        found = _find(self.members, text, "@")
        if len(found.matches) == 1:
            return found.matches[0]
        if not self.complete and SLACK_PERSON.fullmatch(id_ := _bare(text, "@")):
            return Member(id_, id_)
        if _find(self.groups, text, "@").matches:
            raise NotFound(f'"{text.strip()}" is a user group; name its people here, one by one')
        raise NotFound(self._no_person(text, found))

    def agent(self, text: str) -> Member | Group:
        """The person or user group with this name or id. Raises NotFound."""
        both: list[Member | Group] = [*self.members, *self.groups]
        found = _find(both, text, "@")
        if len(found.matches) == 1:
            return found.matches[0]
        if not self.complete and SLACK_PERSON.fullmatch(id_ := _bare(text, "@")):
            return Member(id_, id_)
        if not self.complete and SLACK_GROUP.fullmatch(id_ := _bare(text, "@")):
            return Group(id_, id_)
        raise NotFound(self._no_person(text, found))

    def _no_person(self, text: str, found: Found[Named]) -> str:
        if not self.readable:
            return f'"{text.strip()}" is no id of a person; {PERSON_ID}'
        if found.matches:
            ids = " or ".join(f"{match.id} ({match.shown})" for match in found.matches[:OFFERED])
            return f'"{text.strip()}" is the name of several: write {ids}'
        return f'nobody in {self.team} is called "{text.strip()}"{_similar(found)}'


@dataclass(frozen=True)
class SlackSetup:
    """What `init` needs of Slack. All raise OperatorFault that says what to do."""

    read_workspace: Callable[[str], Workspace]
    """By the bot's token."""
    check_app_token: Callable[[str], None]
    manifest: Callable[[str, str, str], str]
    """By mode, address and command."""


def only_ids(bot: str) -> Workspace:
    """A workspace that cannot be read: every id is taken as it is, and names are not found."""
    return Workspace("the workspace", bot, complete=False, readable=False)


def offered(named: Iterable[Channel | Member | Group]) -> str:
    """The first names, for a question."""
    shown = sorted(each.shown for each in named)
    more = f" … and {len(shown) - OFFERED} more" if len(shown) > OFFERED else ""
    return " ".join(shown[:OFFERED]) + more


def several(text: str, find: Callable[[str], Named]) -> list[Named]:
    """Each of several names between commas. Raises NotFound that names all that were not found."""
    found: list[Named] = []
    faults: list[str] = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(find(name))
        except NotFound as wrong:
            faults.append(str(wrong))
    if faults:
        raise NotFound("; ".join(faults))
    return list(dict.fromkeys(found))


def _find(among: Iterable[Named], text: str, sign: str) -> Found[Named]:
    wanted = _bare(text, sign).casefold()
    every = [(each, [name.casefold() for name in each.names if name]) for each in among]
    by_id = [each for each, names in every if names[0] == wanted]
    matches = by_id or [each for each, names in every if wanted in names]
    known = {name: each.shown for each, names in every for name in names[1:]}
    similar = [known[name] for name in get_close_matches(wanted, known, n=3)]
    return Found(matches, list(dict.fromkeys(similar)))


def _bare(text: str, sign: str) -> str:
    return text.strip().removeprefix(sign)


def _similar(found: Found[Named]) -> str:
    return f" (did you mean {' or '.join(found.similar)}?)" if found.similar else ""
