"""`frontline doctor --page PERSON`: a test page by every way that a page to this person takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

from bot.config.settings import DeskSettings, Person
from bot.model.address import Place, UserRef
from bot.model.views import Notice
from bot.notify.pages import APPRISE, PAGER
from bot.ports import ChatPlatform, PermanentFailure, TemporaryFailure
from bot.runtime.doctor import Finding, Health
from sla_core.promise import Tone

PATIENCE = 20.0
"""Seconds for one way; a slow mail server takes some."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to page a person, by its place in the desk's file, and what to check if it fails."""

    about: str
    to: Place | UserRef
    fix: str


def ways_to(settings: DeskSettings, person: Person) -> Iterator[Way]:
    """Every way: direct messages, `page` addresses, the pagers of the roles that they hold."""
    for chat in settings.chats:
        if address := person.on(chat):
            about = f"people.{person.id}.{chat}"
            yield Way(about, address, f"check {about}, and that the app may write to this person")
    for index in range(len(person.page)):
        about = f"people.{person.id}.page ({index + 1})"
        fix = "check the address, and that its service can be reached from this machine"
        yield Way(about, UserRef(APPRISE, "", f"{person.id}/{index}"), fix)
    for pager in settings.pagers.values():
        rota = settings.rotas.get(pager.role)
        if rota is not None and person.id in rota.people:
            about = f"pagers.{pager.name}"
            yield Way(about, Place(PAGER, pager.name), f"check the key, secret and url of {about}")


async def page_by(platform: ChatPlatform, ways: Sequence[Way], person: Person) -> AsyncIterator[Finding]:
    """Sends the test pages of one platform, past the outbox, and says which arrived."""
    said = f"Test page for {person.name}. You do not need to do anything."
    for way in ways:
        key = f"test-{uuid4().hex[:12]}/page"
        try:
            async with asyncio.timeout(PATIENCE):
                posted = await platform.post(way.to, Notice((said,)), None, key)
                if way.to.platform == PAGER:
                    await platform.update(posted, Notice((said,), Tone.DONE))
        except TimeoutError:
            yield Finding(Health.FAULT, way.about, f"no answer within {PATIENCE:g} s; {way.fix}")
        except (TemporaryFailure, PermanentFailure) as why:
            yield Finding(Health.FAULT, way.about, f"not reached: {why}; {way.fix}")
        else:
            yield Finding(Health.OK, way.about, "reached")
