"""Addresses of places, people and messages. Adapters fill in the ids; nothing here interprets them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bot.model.api_token import Token


@dataclass(frozen=True, slots=True)
class Place:
    """A channel or a direct conversation. As text: `slack:C0ACME`, `teams:19:…@thread.tacv2`."""

    platform: str
    id: str
    direct: bool = False

    def __str__(self) -> str:
        return f"{self.platform}:{self.id}"

    @classmethod
    def parse(cls, text: str, direct: bool = False) -> Place:
        """The reverse of `str`. Raises ValueError that shows the expected form."""
        return _place(text, direct)


@lru_cache(maxsize=4096)
def _place(text: str, direct: bool) -> Place:
    platform, colon, id_ = text.partition(":")
    if not (platform and colon and id_):
        raise ValueError(f'"{text}" is not a channel; write "slack:C0ACME" or "teams:19:…@thread.tacv2"')
    return Place(platform, id_, direct)


@dataclass(frozen=True, slots=True)
class UserRef:
    """A person on a platform; `home` is the team or tenant they belong to. As text: `slack:T0HOME:U0BOB`."""

    platform: str
    home: str
    id: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.home}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> UserRef:
        """The reverse of `str`. Raises ValueError."""
        platform, home, id_ = text.split(":", 2)
        return cls(platform, home, id_)

    @classmethod
    def listed(cls, platform: str, text: str) -> UserRef:
        """A person as the desk's file names them: `ID`, or `TENANT/ID` if the vendor's tenant is not theirs.

        `home` is empty for the vendor's own team or tenant.
        """
        home, _, id_ = text.rpartition("/")
        return cls(platform, home, id_)


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A posted message, by the id that its platform gave it."""

    place: Place
    id: str


@dataclass(frozen=True, slots=True)
class Location:
    """Where people find a posted message: its channel's name, and the address that opens it.

    Either is empty if it is not known.
    """

    channel: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something. `team` is where the app is installed; `user.home` may be another team or tenant."""

    user: UserRef
    team: str
    name: str
    token: Token | None = None
    """The token of the API that acts; None: a person does."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person whom rotas and accounts may name, with their id on each platform."""

    id: str
    name: str
    slack: str | None = None
    teams: str | None = None
    email: str | None = None
    page: tuple[str, ...] = ()
    """Further ways to page them: Apprise addresses, or `$NAME` for an environment variable with one."""
    zone: ZoneInfo | None = None
    """Where they are; None: not given, and UTC is used."""
    quiet: tuple[timedelta, timedelta] | None = None
    """From when until when, in `zone`, only the worst class may reach them: times since midnight."""

    def on(self, platform: str) -> UserRef | None:
        """Their address on a platform; its `home` is empty for the vendor's own team or tenant."""
        id_ = self.slack if platform == "slack" else self.teams if platform == "teams" else None
        return UserRef.listed(platform, id_) if id_ else None
