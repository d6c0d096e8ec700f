"""Reads the desk's file again while `serve` runs, on SIGHUP. A faulty file is refused as a whole."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

import structlog

from bot.config.environment import Environment, check_environment
from bot.config.settings import DeskSettings, load_desk
from bot.desk.desk import Desk
from bot.faults import OperatorFault
from bot.model.views import Notice
from bot.ports import Message, Priority
from sla_core.catalog.files import Fault, Faults
from sla_core.promise import Tone

log = structlog.get_logger("frontline")

RESTART = "changed, and is read at a start only; restart the desk, or put it back"
_SHOWN = 3
"""The most faults that triage reads; the log has all."""


@dataclass(frozen=True, slots=True)
class Reload:
    """Puts a new version of the desk's file in force, in a running desk."""

    desk: Desk
    env: Environment

    async def reload(self) -> bool:
        """Returns whether the file is in force. Otherwise the log and triage say why, and nothing changed."""
        before = self.desk.directory.settings
        try:
            after = await asyncio.to_thread(self._read, before)
        except (Faults, OperatorFault) as wrong:
            log.error("the desk's file is faulty and was not reloaded", faults=str(wrong).splitlines())
            await self._tell_triage(str(wrong).splitlines())
            return False
        self.desk.directory.replace_settings(after)
        self.desk.openings.limits = after.limits
        for line in await self.desk.directory.refresh(self.desk.platforms):
            log.warning(line)
        log.info("the desk's file was reloaded", warnings=list(after.warnings))
        return True

    def _read(self, before: DeskSettings) -> DeskSettings:
        read = load_desk(self.env.frontline_config)
        check_environment(self.env, read)
        name = self.env.frontline_config.name
        if faults := [Fault(name, key, says) for key, says in _fixed(before, read)]:
            raise Faults(faults)
        # A version that is in force stays as it is: tickets were opened under it.
        known = {policy.version: policy for policy in before.policies}
        return replace(read, policies=tuple(known.get(each.version, each) for each in read.policies))

    async def _tell_triage(self, faults: list[str]) -> None:
        more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        says = f"The new frontline.toml is not in force: {'; '.join(faults[:_SHOWN])}{more}."
        key, notice = f"reload/{uuid4().hex}", Notice((says,), Tone.WARN)
        await self.desk.store.enqueue(
            [Message(f"{key}/{to}", None, to, notice, Priority.STATE) for to in self.desk.triages()]
        )

    @asynccontextmanager
    async def on_signal(self) -> AsyncIterator[None]:
        """Reloads at each SIGHUP, one after the other, until the end of the block."""
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
        task = asyncio.create_task(self._run(asked))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, asked: asyncio.Event) -> None:
        while True:
            await asked.wait()
            asked.clear()
            try:
                await self.reload()
            except Exception:  # the desk goes on with the file that is in force
                log.exception("the desk's file could not be reloaded")


def _fixed(before: DeskSettings, after: DeskSettings) -> Iterator[tuple[str, str]]:
    """What differs and cannot change while the desk runs."""

    def chats(settings: DeskSettings) -> object:
        return {name: replace(chat, agents=()) for name, chat in settings.chats.items()}

    versions = {policy.version for policy in after.policies}
    if gone := [policy.version for policy in before.policies if policy.version not in versions]:
        yield "vendor", f"lacks version {gone[0]}, which is in force; put it back, or restart the desk"
    in_force = {policy.version: policy for policy in before.policies}
    for policy in after.policies:
        kept = in_force.get(policy.version, policy)
        if (policy.plans.keys(), policy.severities.keys()) != (kept.plans.keys(), kept.severities.keys()):
            yield "vendor", f"version {policy.version} has other plans or severities; {RESTART}"
    if chats(before) != chats(after):
        yield "slack, teams", f"other keys than agents have {RESTART}"
    if before.alerts != after.alerts:
        yield "alerts", RESTART
    if before.pagers != after.pagers:
        yield "pagers", RESTART
    if before.webhooks != after.webhooks:
        yield "webhooks", RESTART
    pages = {person.id: person.page for person in before.people.values()}
    if any(person.page != pages.get(person.id, ()) for person in after.people.values()):
        yield "people.page", RESTART
    if before.feeds or after.feeds:
        yield "rotas", "names a calendar that is fetched; restart the desk to change the file"
