"""A storm: many people at once, a desk that is killed and started again, and Slack a network away."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from aiohttp import web

from adapters.sql.store import connect
from bot.model.views import Audience
from bot.notify.message_factory import card_key
from bot.ports import Priority
from demo.slack import Channel, FakeSlack, Message, Person
from sla_core.events import Event
from tests.desk_file import account
from tests.harness import DESK_FILE, S1, S2
from tests.process.desk_process import HASTY, DeskProcess
from tests.process.expected_messages import ExpectedMessages, PostedMessages, delivery_faults, mark
from tests.process.live_site import CALM_PAGING, LiveSite
from tests.process.slack_proxy import HeldCall, SlackProxy, first_to_come, nth_call
from tests.waiting import eventually, turns

FRIDAY_MORNING = "2026-03-20T10:00:00+01:00"
"""m3ter's Gold hours are open for another twelve hours."""
WORD = "zebra"
"""In all that people write, so that it is found where it must not be."""
PATIENCE = 600.0
"""Seconds that people wait for a card or a breach. What a killed replica held goes to the other within seven
seconds, which may be killed by then."""
AT_FIRST = 12
"""People who come at once."""
QUIET = 8.0
"""Seconds without a call after which more come: longer than a desk takes to start on a busy machine."""
TRIES_AGAIN_AFTER = 0.2
"""Seconds, of people who read that it did not work."""
RETRIES = (0.0, 0.3, 0.6, 1.2, 2.5, 5.0, 5.0, 5.0)
"""Seconds after which Slack delivers an event again; see `last_retries`."""
MORE_ACCOUNTS = account("bolt", "Bolt AG", channel="slack:C0BOLT") + account(
    "corn", "Corn SA", tam=None, channel="slack:C0CORN"
)
ACCOUNTS = ("acme", "bolt", "corn", "silverline")


class UnreliableSlack(SlackProxy):
    """Calls overtake each other on their way there and back, and Slack may be away."""

    def __init__(self, slack: FakeSlack, random: Random) -> None:
        super().__init__(slack)
        self.random = random
        self.away: tuple[str, Callable[[str], bool]] | None = None
        """How these methods fail: with `500`, with `429`, or in `silence`."""
        self.turned_away: Counter[str] = Counter()
        """How many calls failed, and how."""
        self._back = asyncio.Event()

    def comes_back(self) -> None:
        self.away = None
        self._back.set()

    async def close(self) -> None:
        self.comes_back()
        await super().close()

    async def _pass(self, request: web.Request) -> web.Response:
        if self.away is not None and self.away[1](request.match_info["method"]):
            return await self._nobody(self.away[0])
        await turns(self.random.randrange(20))
        answer = await super()._pass(request)
        await turns(self.random.randrange(20))
        return answer

    async def _nobody(self, how: str) -> web.Response:
        self.turned_away[how] += 1
        if how == "silence":
            await self._back.wait()
        if how == "429":
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "1"}
            )
        return web.json_response({"ok": False, "error": "internal_error"}, status=500)


@dataclass
class TicketLife:
    """One ticket, with the two who care for it."""

    number: int
    asker: Person
    agent: Person
    where: Channel

    def words(self, what: str) -> str:
        """Told nowhere else."""
        return f"{what} {WORD} <{self.number}>"


class CrashRun(LiveSite):
    """Desks are killed and started again while people act: one on a file, or several on one PostgreSQL."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        lives: int,
        speed: float,
        database: str = "",
        replicas: int = 1,
        module: str = HASTY,
    ) -> None:
        super().__init__(folder, speed, FRIDAY_MORNING, RETRIES)
        self._database, self._module = database, module
        self.random = Random(seed)
        self.gates = [UnreliableSlack(self.slack, Random(seed + nth)) for nth in range(1, replicas + 1)]
        self.proxy = self.unreliable = self.gates[0]
        self.seats: list[DeskProcess | None] = [None] * replicas
        """Who serves behind each gate."""
        self.desks: list[DeskProcess] = []
        """All that were ever started."""
        self.at_rest = 0
        """How many kills met nobody who called Slack."""
        self._to_come: list[asyncio.Event] = []
        """Of the people who wait until they are asked to come."""
        self.tried_again = 0
        """How often people repeated an act because they got no confirmation."""
        self._arrivals: list[asyncio.Task[None]] = []
        self.all_messages: Counter[str] = Counter()
        """How many of each kind were owed, and were said, at the end."""
        self.maybe_repeated: set[str] = set()
        """Marks of what a desk was saying when it was killed: Slack may have it, and no desk knows."""
        (folder / "frontline.toml").write_text(DESK_FILE + MORE_ACCOUNTS + CALM_PAGING, encoding="utf-8")
        self.kim = self.slack.person("Kim")
        rooms = [self.acme] + [self.slack.channel(name, id=f"C0{name.upper()}") for name in ("bolt", "corn")]
        self.lives = [self._life(number, rooms[number % len(rooms)]) for number in range(lives)]
        self.slack.workspace.groups["S0SUPPORT"].members += [life.agent.id for life in self.lives]

    async def __aenter__(self) -> CrashRun:
        await super().__aenter__()
        for proxy in self.gates[1:]:
            await proxy.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for desk in filter(None, self.seats):
            await desk.kill()
        for proxy in self.gates[1:]:
            await proxy.close()
        await super().__aexit__(None, None, None)
        await asyncio.gather(*self._arrivals)

    @property
    def database(self) -> str:
        return self._database or super().database

    def _life(self, number: int, room: Channel) -> TicketLife:
        asker, agent = self.slack.person(f"Asker {number}"), self.slack.person(f"Agent {number}")
        room.members += [asker.id, agent.id]
        self.triage.members.append(agent.id)
        return TicketLife(number, asker, agent, room)

    # The desk --------------------------------------------------------------------------------

    async def starts(self, seat: int = 0) -> DeskProcess:
        """Starts a process in a seat. Returns before it accepts calls."""
        given = self.environment | {"SLACK_API_URL": self.gates[seat].url}
        self.desk = desk = self.seats[seat] = await DeskProcess.spawn(self.folder, self._module, **given)
        self.desks.append(desk)
        self._arrivals.append(asyncio.create_task(self._is_found(desk)))
        return desk

    async def _is_found(self, desk: DeskProcess) -> None:
        with suppress(EOFError):
            await desk.says("listening")
            self.turn()

    def turn(self) -> None:
        """What people do next goes to any that listens."""
        there = [
            desk.events for desk in self.seats if desk and desk.process.returncode is None and desk.address
        ]
        if there:
            self.slack.bot_url = self.random.choice(there)

    async def listens(self) -> None:
        for seat in range(len(self.seats)):
            await self.starts(seat)
        await self._all_listen()

    async def stopped(self) -> int:
        return max(await asyncio.gather(*(desk.stop() for desk in self.seats if desk)))

    async def calls(self, number: int) -> None:
        """Until Slack was called so often from now."""
        wanted = self.proxy.calls + number
        await eventually(lambda: self.proxy.calls >= wanted)

    async def turned_away(self, how: str, number: int) -> None:
        """Until so many calls have failed in this way."""
        await eventually(lambda: self.unreliable.turned_away[how] >= number)

    async def kills(self, times: int, told: Callable[[int], None] = lambda nth: None) -> None:
        """So often, in the middle of a call: one while it starts, one in its work; another starts at once.

        Of replicas, every other one is killed while all listen, so that another goes on serving.
        """
        seat, alone = 0, len(self.seats) == 1
        for nth in range(times):
            starting = self.random.random() < 0.25
            if nth % 2 and not (starting or alone):
                await self._all_listen()
            number = 1 if starting else self.random.randrange(5, 40 // len(self.seats))
            holds = {
                each: self.gates[each].hold(nth_call(number), after=nth % 2 == 0)
                for each in ([seat] if starting else range(len(self.seats)))
            }
            seat = await self._in_a_call(holds)
            victim = self.seats[seat]
            assert victim
            await victim.kill()
            self.turn()
            self.maybe_repeated |= {mark(key) for key in self._in_hand()}
            for proxy in self.gates:
                proxy.release_all()
            for each, hold in holds.items():
                if each != seat:
                    hold.release.set()
            await self.starts(seat)
            told(nth + 1)
        for asked in self._to_come:
            asked.set()

    async def _all_listen(self) -> None:
        for desk in filter(None, self.seats):
            await desk.says("listening")
        self.turn()

    async def _in_a_call(self, holds: Mapping[int, HeldCall]) -> int:
        """Who calls first. Whenever nobody does for a moment, two more people come, if there are any."""
        while True:
            with suppress(TimeoutError):
                return [*holds][await first_to_come([*holds.values()], QUIET)]
            if not self._to_come:
                self.at_rest += 1
                return self.random.choice([*holds])
            for asked in self._to_come[:2]:
                asked.set()
            del self._to_come[:2]

    async def comes(self, life: TicketLife) -> None:
        """Once it is their turn: replicas serve people well, and all would be gone after a few kills."""
        if life.number >= AT_FIRST // len(self.seats):
            self._to_come.append(asked := asyncio.Event())
            await asked.wait()
        await self.lives_through(life)

    def _in_hand(self) -> list[str]:
        """What the desk had begun to say."""
        return [
            key
            for (key,) in self._outbox(
                "SELECT key FROM outbox WHERE state = 'waiting' AND tried_at IS NOT NULL"
            )
        ]

    def waiting(self) -> int:
        """Messages that are still to be said; countdowns may always wait."""
        asked = f"SELECT key FROM outbox WHERE state = 'waiting' AND priority < {int(Priority.COUNTDOWN)}"
        return len(self._outbox(asked))

    def _outbox(self, asked: str) -> list[tuple[str]]:
        if self._database:
            with psycopg.connect(self._database, autocommit=True) as connection:
                return connection.execute(asked.encode()).fetchall()
        with closing(sqlite3.connect(f"file:{self.folder}/frontline.db?mode=ro", uri=True)) as db:
            return db.execute(asked).fetchall()

    async def all_said(self, within: float) -> float:
        """Until nothing waits; the seconds that it took."""
        began = time.monotonic()
        await eventually(lambda: not self.waiting(), within, every=0.1)
        return time.monotonic() - began

    async def history(self) -> dict[str, tuple[Event, ...]]:
        assert all(desk.process.returncode is not None for desk in self.desks)
        async with connect(self.database) as store:
            keys = [key for account in ACCOUNTS for key in reversed(await store.tickets(account))]
            return {key: await store.load(key) for key in keys}

    async def history_of(self, keys: Iterable[str]) -> list[tuple[Event, ...]]:
        async with connect(self.database) as store:
            return [await store.load(key) for key in keys]

    # People ----------------------------------------------------------------------------------

    async def keeps_trying(self, act: Callable[[], Awaitable[bool]]) -> None:
        """Until it is acknowledged, as people do who read that it did not work."""

        async def tries() -> bool:
            self.turn()
            worked = await act()
            self.tried_again += not worked
            return worked

        await eventually(tries, PATIENCE, TRIES_AGAIN_AFTER)

    async def opens_ticket(self, life: TicketLife, answers: Mapping[str, Any]) -> None:
        async def act() -> bool:
            modal = self.slack.modal_of(life.asker)
            if modal is None:
                await self.slack.command(life.asker, life.where, "/support", life.words("Opened"))
            elif modal.trouble:
                # They look through their answers before they send them again, and the form is redrawn.
                await self.slack.choose(life.asker, "production", answers["production"])
            if self.slack.modal_of(life.asker) is None:
                return False
            reply = await self.slack.submit(life.asker, dict(answers))
            return await self.is_taken(life.asker, reply)

        await self.keeps_trying(act)

    async def fills_in(self, who: Person, card: Message, label: str, text: str) -> None:
        """A button that asks, its form filled in and sent until it is taken."""

        async def act() -> bool:
            if self.slack.modal_of(who) is None:
                await self.slack.press(who, card, label)
            if self.slack.modal_of(who) is None:
                return False
            reply = await self.slack.submit(who, {"text": text})
            if "already" in str(reply.errors):
                # It had been done, and the answer was lost.
                await self.slack.close_modal(who, everything=True)
                return True
            return await self.is_taken(who, reply)

        await self.keeps_trying(act)

    async def presses(self, who: Person, card: Message, label: str) -> None:
        """Until it is taken, or was, so that the button is gone."""

        async def act() -> bool:
            return label not in self.slack.buttons(card) or (await self.slack.press(who, card, label)).ok

        await self.keeps_trying(act)

    async def stands(self, life: TicketLife, audience: Audience) -> Message:
        """The ticket's card in the customer's channel, or in triage."""

        def own() -> Message | None:
            return next((m for m in self.posted(life.where) if life.words("Opened") in self.text(m)), None)

        card = await self.slack.until(own, PATIENCE)
        assert card
        if audience is Audience.CUSTOMER:
            return card
        wanted = mark(card_key(self.key_of(card), audience))

        def work() -> Message | None:
            return next(iter(self._marked(self.triage, wanted)), None)

        found = await self.slack.until(work, PATIENCE)
        assert found
        return found

    def _marked(self, where: Channel, name: str) -> list[Message]:
        return [m for m in where.messages if m.metadata and m.metadata["event_payload"]["mark"] == name]

    async def lives_through(self, life: TicketLife) -> None:
        """From the question to the end; every second one is answered only after the breach."""
        await self.opens_ticket(life, S1 if life.number % 2 else S2)
        card = await self.stands(life, Audience.CUSTOMER)
        work = await self.stands(life, Audience.AGENTS)
        await self.presses(life.agent, work, "Acknowledge")
        await self.slack.say(life.asker, life.where, life.words("Wrote"), card)
        if life.number % 2:
            await self.fills_in(life.asker, card, "Escalate", life.words("Hurry"))
            await self.slack.until(lambda: self.is_breached(work), PATIENCE)
        await self.fills_in(life.agent, work, "Reply", life.words("Reply"))
        await self.fills_in(life.agent, work, "Resolve", life.words("Done"))

    async def last_retries(self) -> None:
        """Slack's last one comes after five minutes: by then the storm is over."""
        await self._all_listen()
        await self.slack.settle()
        events = [ack for ack in self.slack.acks if ack.kind == "message"]
        taken = {ack.request.body for ack in events if ack.ok}
        for ack in {a.request.body: a for a in events if a.request.body not in taken}.values():
            assert (await self.slack.redeliver(ack, retry=True)).ok

    async def ends(self, life: TicketLife) -> None:
        """Every third one is closed as well."""
        card = await self.stands(life, Audience.CUSTOMER)
        await self.slack.until(lambda: "Reopen" in self.slack.buttons(card), PATIENCE)
        if life.number % 3 == 0:
            await self.presses(life.asker, card, "Close")

    # What has to hold ------------------------------------------------------------------------

    def repeats(self) -> int:
        """How often something was said again; only what may have been lost is."""
        repeated = PostedMessages(self.slack).repeated()
        assert [name for name in repeated if name not in self.maybe_repeated] == []
        return sum(len(posts) - 1 for posts in repeated.values())

    async def is_well(self) -> dict[str, tuple[Event, ...]]:
        """The desk has ended: all that was acknowledged is kept once, and all that is owed was said."""
        histories = await self.history()
        books, wall = ExpectedMessages(self.folder, histories), PostedMessages(self.slack)
        wrong = delivery_faults(books, self.slack)
        assert not wrong, "\n".join(wrong)
        self.all_messages = books.count(books.all_messages())
        assert self.all_messages == books.count(
            message for message in books.all_messages() if wall.of(message)
        )
        texts = Counter(
            text
            for events in histories.values()
            for event in events
            for name in ("summary", "text", "reason")
            if isinstance(text := getattr(event, name, None), str) and WORD in text
        )
        assert {text: times for text, times in texts.items() if times != 1} == {}
        wanted = {life.words(what) for life in self.lives for what in ("Opened", "Wrote", "Reply", "Done")}
        wanted |= {life.words("Hurry") for life in self.lives if life.number % 2}
        assert wanted == set(texts), [(text, self._answers_to(text)) for text in wanted ^ set(texts)]
        return histories

    def _answers_to(self, text: str) -> list[int | None]:
        """What the desk answered to the requests with these words."""
        words = text.replace("<", "&lt;").replace(">", "&gt;")
        return [ack.status for ack in self.slack.acks if words in ack.request.body]

    def says_nothing_private(self) -> None:
        """No log line of any process contains a secret or customer text."""
        secrets = (WORD, self.environment["SLACK_BOT_TOKEN"], self.environment["SLACK_SIGNING_SECRET"])
        for desk in self.desks:
            told = json.dumps(desk.logged).lower()
            assert not [secret for secret in secrets if secret.lower() in told]
