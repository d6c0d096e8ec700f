"""Sign-in to the desk's page: the bot sends a link that works once, and the browser gets a session for it.

The store keeps hashes of links and sessions only. Whether somebody may read the page is asked at every view.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from secrets import token_urlsafe

from bot.clock import real_now
from bot.config.settings import Account
from bot.desk.desk import Desk, private_notice, refusal, try_lock
from bot.desk.tam import tam_home
from bot.model.address import Actor, UserRef
from bot.model.inbound import Answer, Show
from bot.model.views import Link, Notice, When
from bot.ports import Message, Priority

LINKS, SESSIONS = "desk-links", "desk-sessions"
"""The topics of the store: who a link or a session belongs to, by its hash."""
LINK_LIFE, SESSION_LIFE = timedelta(minutes=10), timedelta(hours=12)
TOKEN_BYTES = 32
COMMANDS = (
    ("desk", "sends you a link to the desk's page"),
    ("desk sign out", "ends all your sessions there"),
)
"""The text commands of those who may read the page, and what each does."""
LINK_TEXT = "Open the desk's page"


@dataclass(frozen=True, slots=True)
class Reader:
    """A person who may read the page, and the accounts that they see; None: all accounts."""

    actor: Actor
    accounts: tuple[Account, ...] | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nobody is signed in, in words for the person at the browser."""

    title: str
    says: str


USED = Refused(
    "This link does not work any more",
    "A link works once, for ten minutes. Write “desk” to the bot again to get a new one.",
)


def may_read(desk: Desk, actor: Actor) -> bool:
    """Agents and TAMs may; customers never."""
    return reader_of(desk, actor) is not None


def reader_of(desk: Desk, actor: Actor) -> Reader | None:
    """An agent sees all accounts, a TAM their own. None for everybody else."""
    if desk.directory.is_agent(actor):
        return Reader(actor, None)
    accounts = tam_home.looked_after(desk, actor)
    return Reader(actor, tuple(accounts)) if accounts else None


async def command(desk: Desk, actor: Actor, words: tuple[str, ...]) -> Answer:
    """`desk` answers with a link, `desk sign out` ends all sessions. The caller checks `may_read`."""
    if words[1:]:
        await _end_all(desk, actor)
        return private_notice("You are signed out of the desk's page in all browsers.")
    url = desk.directory.settings.web_url
    if not url:
        return refusal(
            "The desk's page is not set up yet, so you cannot sign in. For the operator: in frontline.toml, "
            "set url in [web] to the address under which browsers reach Frontline."
        )
    link = Link(f"{url}/desk/sign-in/{await new_link(desk, actor)}", LINK_TEXT)
    says = ". The link is for you only. It works once, in the next ten minutes."
    return Show(Notice((link, says)))


async def new_link(desk: Desk, actor: Actor) -> str:
    """The secret part of a new link."""
    token = token_urlsafe(TOKEN_BYTES)
    await desk.key_values.put(LINKS, _hash(token), _stored(actor), real_now() + LINK_LIFE)
    return token


async def of_link(desk: Desk, token: str, session: str) -> Actor | Refused:
    """Who a link is for. It still works afterwards: chat programs open links to preview them.

    `session` is what the browser is signed in with, if anything.
    """
    stored = await desk.key_values.get(LINKS, _hash(token))
    if stored is None:
        return USED
    actor, present = _restored(stored), await of_session(desk, session)
    if present is not None and present.actor.user != actor.user:
        name = desk.directory.name_of(present.actor)
        return Refused(
            "This link is for somebody else",
            f"You are signed in as {name}. Write “desk” to the bot to get a link of your own, "
            "or sign out here first.",
        )
    return actor if may_read(desk, actor) else USED


async def use_link(desk: Desk, token: str, session: str) -> str | Refused:
    """Uses a link up and returns a new session. Of several uses at once, on any replica, one succeeds."""
    async with try_lock(desk.key_values, f"{LINKS}/{_hash(token)}") as acquired:
        actor = await of_link(desk, token, session) if acquired else USED
        if isinstance(actor, Refused):
            return actor
        await desk.key_values.delete(LINKS, _hash(token))
    made, until = token_urlsafe(TOKEN_BYTES), real_now() + SESSION_LIFE
    await desk.key_values.put(SESSIONS, _hash(made), _stored(actor), until)
    said = ("You are signed in to the desk's page until ", When(until), ". ")
    ends = "If that was somebody else, write “desk sign out” to me at once."
    user = actor.user
    to = replace(user, home="") if user.home == actor.team else user
    key = f"desk-page/{_hash(made)[:16]}"
    await desk.store.enqueue([Message(key, None, to, Notice((*said, ends)), Priority.REPLY)])
    return made


async def of_session(desk: Desk, session: str) -> Reader | None:
    """Who is signed in. None if the session has ended, or the person may not read the page any more."""
    stored = await desk.key_values.get(SESSIONS, _hash(session)) if session else None
    return reader_of(desk, _restored(stored)) if stored else None


async def end(desk: Desk, session: str) -> None:
    """Signs one browser out."""
    await desk.key_values.delete(SESSIONS, _hash(session))


async def _end_all(desk: Desk, actor: Actor) -> None:
    for topic in (LINKS, SESSIONS):
        for key, stored in (await desk.key_values.get_all(topic)).items():
            if _restored(stored).user == actor.user:
                await desk.key_values.delete(topic, key)


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _stored(actor: Actor) -> str:
    user = actor.user
    return json.dumps([user.platform, user.home, user.id, actor.team, actor.name])


def _restored(stored: str) -> Actor:
    platform, home, id_, team, name = json.loads(stored)
    return Actor(UserRef(platform, home, id_), team, name)
