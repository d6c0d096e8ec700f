"""Pages by Apprise: push services, text messages, calls, mail, each by an address of its own."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TYPE_CHECKING

from bot.faults import OperatorFault
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Notice
from bot.ports import PermanentFailure, TemporaryFailure
from bot.runtime.doctor import Finding, Health
from bot.text import TONE_MARKS, plain_text

if TYPE_CHECKING:
    from apprise import Apprise

TITLE = "Frontline page"
TRIES = 8
"""How often a page is tried, about twenty seconds: Apprise does not say whether a failure will last."""
THREADS = 32
"""How many pages are sent at the same time: a service that hangs must not delay another's."""


@dataclass(frozen=True, slots=True)
class PageAddress:
    """An Apprise address of a person. It may be a secret."""

    url: str = field(repr=False)
    zone: tzinfo
    """In which they read instants."""


class Phones:
    """Sends to the `page` addresses of people, by `PERSON/INDEX`. Call `start` first."""

    def __init__(self, addresses: Mapping[str, PageAddress]) -> None:
        self._addresses = addresses
        self._targets: dict[str, Apprise] = {}
        self._failed: Counter[str] = Counter()
        self._sending: dict[str, asyncio.Future[bool]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")

    async def start(self) -> None:
        """Imports Apprise and reads the addresses. Raises OperatorFault that names each unknown one."""
        self._targets = await asyncio.get_running_loop().run_in_executor(self._threads, self._read)

    def _read(self) -> dict[str, Apprise]:
        from apprise import Apprise, AppriseAsset

        # Its log lines may contain parts of addresses.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        found = {}
        for way, address in self._addresses.items():
            target = Apprise(asset=AppriseAsset(async_mode=False, app_id="Frontline", app_url=""))
            if target.add(address.url):
                found[way] = target
        unknown = [_key(way) for way in self._addresses if way not in found]
        if unknown:
            names = " and ".join(unknown)
            raise OperatorFault(
                f"{names}: Apprise does not understand this address; write one of its forms, such as"
                " ntfy://ntfy.sh/TOPIC or mailto://USER:PASSWORD@HOST"
            )
        return found

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(self, to: Place | UserRef, notice: Notice, key: str) -> MessageRef:
        target = self._targets.get(to.id)
        if target is None:
            raise PermanentFailure("this page address is no longer in the desk's file")
        # Delivery may stop waiting before Apprise is done. The next try then waits for the same call.
        sending = self._sending.get(key)
        if sending is None:
            text = f"{TONE_MARKS[notice.tone]}{plain_text(notice.text, self._addresses[to.id].zone)}"
            loop = asyncio.get_running_loop()
            sending = self._sending[key] = loop.run_in_executor(self._threads, _notify, target, text)
        arrived = await asyncio.shield(sending)
        self._sending.pop(key, None)
        if not arrived:
            self._failed[key] += 1
            if self._failed[key] >= TRIES:
                del self._failed[key]
                raise PermanentFailure("Apprise could not send it; check the address")
            raise TemporaryFailure("Apprise could not send it")
        self._failed.pop(key, None)
        return MessageRef(Place(to.platform, to.id, True), key)

    async def edit(self, message: MessageRef, notice: Notice) -> None:
        """Does nothing: what has reached a phone stays as it is."""

    def examine(self) -> Iterator[Finding]:
        for way in self._addresses:
            says = "Apprise understands the address; frontline doctor --page sends a test page to it"
            yield Finding(Health.OK, _key(way), says)


def _key(way: str) -> str:
    """The address by its place in the desk's file, counted from 1."""
    person, _, index = way.partition("/")
    return f"people.{person}.page ({int(index) + 1})"


def _notify(target: Apprise, text: str) -> bool:
    """Sends it, in a thread. False if it did not arrive, for whatever reason."""
    from apprise import NotifyFormat, NotifyType

    try:
        return bool(
            target.notify(
                body=text, title=TITLE, notify_type=NotifyType.FAILURE, body_format=NotifyFormat.TEXT
            )
        )
    except Exception:  # any plugin of Apprise may raise anything, and its text may contain the address
        return False
