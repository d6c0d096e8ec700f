"""Monitoring alarms: one ticket for each alarm, however often and to whom it is reported."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sql.store import SqlStore, connect
from bot.desk.desk import Desk, InMemoryKeyValueStore
from bot.desk.routes import answer
from bot.model.inbound import AlarmChanged, Answer, Done
from bot.model.views import Audience
from sla_core.policy import Origin
from sla_core.ticket import State
from tests.desk.intake.form_filling import chooses
from tests.desk_file import account, chat, desk_file
from tests.harness import (
    ALICE,
    BOB,
    S1,
    SILVERLINE,
    TRIAGE,
    DeskInMemory,
    FakeChat,
    HeldClock,
    directory_of,
    form_of,
    open_desk,
)

NIGHT = "2026-03-21T01:30:00Z"
"""A Saturday, outside m3ter's Gold hours."""
_FILE = desk_file(chats=[chat("slack", "C0TRIAGE", ["U0BOB", "S0SUPPORT"])], accounts=[account(), SILVERLINE])


def alerts(name: str = "prod", account: str = "acme", severity: str = "S1") -> str:
    return (
        f'\n[[alerts]]\nname = "{name}"\nformat = "json"\naccount = "{account}"\n'
        f'severity = "{severity}"\nsecret = "$ALERTS_SECRET"\n'
    )


class Monitoring:
    """Reports alarms to a desk, each notification as a new delivery."""

    def __init__(self, desk: DeskInMemory, source: str = "prod") -> None:
        self.desk, self.source = desk, source

    async def fires(
        self,
        summary: str = "API is down",
        details: str = "5xx on all nodes",
        id: str = "api",
        delivery: str = "",
    ) -> str:
        return await self.sends(True, id, summary, details, delivery=delivery)

    async def ends(self, id: str = "api", at: datetime | None = None, delivery: str = "") -> str:
        return await self.sends(False, id, ended_at=at, delivery=delivery)

    async def sends(
        self,
        firing: bool,
        id: str,
        summary: str = "",
        details: str = "",
        ended_at: datetime | None = None,
        delivery: str = "",
    ) -> str:
        """The key of the ticket that the notification is about; empty if there is none."""
        now = self.desk.clock.now()
        alarm = AlarmChanged(
            self.desk.envelope(), now, self.source, id, firing, summary, details, ended_at, delivery
        )
        return ticket_of(await self.desk.answers(alarm))


def ticket_of(answer: Answer) -> str:
    assert isinstance(answer, Done), answer
    return answer.ticket


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    sources = (alerts(), alerts("staging", severity="S3"), alerts("silver", "silverline", "S2"))
    return await open_desk(tmp_path, NIGHT, _FILE + "".join(sources))


@pytest.fixture
def prod(desk: DeskInMemory) -> Monitoring:
    return Monitoring(desk)


def reports(desk: DeskInMemory, key: str) -> list[str]:
    """What agents read of monitoring in triage."""
    return [text for text in desk.thread(key, Audience.AGENTS) if " prod monitoring: " in text]


# Opening ------------------------------------------------------------------------------------------


async def test_an_alarm_at_night_opens_an_emergency_and_pages(desk: DeskInMemory, prod: Monitoring) -> None:
    """MON-33, M3-25: the proposed severity, in the account's channel, and the first line is called."""
    key = await prod.fires()
    assert key == "ACME-1"
    assert (desk.card_view(key).title, desk.card_view(key).severity) == ("API is down", "S1 (proposed)")
    facts = dict(desk.card_view(key, Audience.AGENTS).facts)
    assert facts["Proposed because"].startswith("an alarm of prod monitoring opened this ticket")
    assert (await desk.ticket(key)).opened.origin is Origin.ALARM
    assert "opened by prod monitoring" in desk.card_view(key, Audience.AGENTS).about
    assert [page.person for page in (await desk.ticket(key)).pages] == ["bob", "kim"]
    assert "S1 for Acme GmbH: API is down" in desk.direct(BOB)[-1].text


async def test_a_milder_alarm_mentions_the_first_line(desk: DeskInMemory) -> None:
    key = await Monitoring(desk, "staging").fires()
    assert desk.card_view(key).severity == "S3 (proposed)"
    assert any("New ticket from Acme GmbH" in text and "@Bob" in text for text in desk.heard(TRIAGE))
    assert (await desk.ticket(key)).pages == ()


async def test_a_plan_without_chat_refuses_no_alarm(desk: DeskInMemory) -> None:
    """M3-25: Silver reports by portal, its alarms open tickets all the same, and agents see why."""
    key = await Monitoring(desk, "silver").fires()
    assert key == "SILVERLINE-1"
    facts = dict(desk.card_view(key, Audience.AGENTS).facts)
    assert facts["Exception"] == "accepted as S2 although the plan Silver does not include chat"


async def test_nobody_is_mentioned_as_the_opener(desk: DeskInMemory, prod: Monitoring) -> None:
    key = await prod.fires()
    await desk.presses(BOB, "Acknowledge", key)
    await desk.submits_form(BOB, "Reply", key, text="We look into it.")
    await desk.presses(BOB, "Why?", key)
    await desk.submits_form(BOB, "Resolve", key, text="A node was replaced.")
    assert not any("@" in text for text in desk.thread(key))
    assert (await desk.events(key))[-1] == "Resolved"


async def test_a_customer_finds_the_alarm_s_ticket_in_the_form(desk: DeskInMemory, prod: Monitoring) -> None:
    """MON-33, CUP-6: a known incident is offered before another ticket is opened."""
    key = await prod.fires("Billing exports are down")
    form = await desk.asks_for_help(ALICE, text="Billing exports are down for us")
    form = await chooses(desk, form, summary="Billing exports are down for us", **S1)
    offered = next(field for field in form.fields if field.id == "known")
    assert f"{key}: Billing exports are down" in str(offered)


async def test_an_alarm_of_the_worst_class_is_what_a_customer_has_to_look_at_first(tmp_path: Path) -> None:
    """CUP-6: before another C1, the form asks whether it is the one of the alarm."""
    rotas = {"support": ["bob", "eve"], "engineering": ["kim"]}
    file = desk_file("commerceup", rotas=rotas, accounts=[account(plan="standard")])
    desk = await open_desk(tmp_path, NIGHT, file + alerts(severity="C1"))
    key = await Monitoring(desk).fires("The shop is gone")
    c1 = {"type": "issue", "impact": "sales"}
    form = await desk.asks_for_help(ALICE)
    asked = form_of(await desk.sends(ALICE, form, summary="Nobody can pay", **c1))
    assert list(asked.errors) == ["known"]
    await desk.sends(ALICE, asked, known=key)
    assert await desk.keys() == [key]
    assert await Monitoring(desk).fires("Cards are refused", id="cards") == "ACME-2", "no alarm is asked"


# The same alarm again -----------------------------------------------------------------------------


async def test_the_same_notification_again_changes_nothing(desk: DeskInMemory, prod: Monitoring) -> None:
    key = await prod.fires()
    before = await desk.events(key)
    assert [await prod.fires(), await prod.fires()] == [key, key]
    assert await desk.events(key) == before
    assert await desk.keys() == [key]


async def test_changed_content_reaches_agents_and_not_the_customer(
    desk: DeskInMemory, prod: Monitoring
) -> None:
    key = await prod.fires()
    told = desk.heard()
    for _ in range(2):
        assert await prod.fires(details="5xx on two of three nodes") == key
    (report,) = reports(desk, key)
    assert "@" not in report
    assert report == "ACME-1 prod monitoring: “Firing: API is down\n5xx on two of three nodes” "
    assert desk.heard() == told
    assert not (await desk.ticket(key)).customers_turn
    await desk.writes(ALICE, "We cannot bill anybody.", key)
    await prod.fires(details="5xx on one node")
    last = desk.card_view(key, Audience.AGENTS).last_words
    assert last is not None
    assert last.text == "We cannot bill anybody.", "an alarm is not the customer"


async def test_the_end_is_a_line_in_triage_and_the_ticket_stays(desk: DeskInMemory, prod: Monitoring) -> None:
    key = await prod.fires()
    await desk.fast_forward(minutes=3)
    assert [await prod.ends(at=desk.clock.now()), await prod.ends()] == [key, key]
    assert reports(desk, key) == [
        "ACME-1 prod monitoring: the alarm ended at Sat 21 Mar 2026, 01:33 UTC. The ticket stays open."
    ]
    assert desk.card_view(key).state == "open"
    await desk.fast_forward(minutes=3)
    pages = [page.person for page in (await desk.ticket(key)).pages]
    assert pages == ["bob", "kim", "bob", "kim"], "only a person's answer ends the pages"


async def test_an_alarm_that_comes_back_is_told_on_the_open_ticket(
    desk: DeskInMemory, prod: Monitoring
) -> None:
    key = await prod.fires()
    await prod.ends()
    assert await prod.fires() == key
    assert await prod.fires() == key
    over, again = reports(desk, key)
    assert over.startswith("ACME-1 prod monitoring: the alarm ended at Sat 21 Mar 2026, 01:30 UTC.")
    assert again == "ACME-1 prod monitoring: “Firing again: API is down\n5xx on all nodes”  @Bob"
    assert desk.card_view(key, Audience.AGENTS).history[-1].what == "prod monitoring reported"


@pytest.mark.parametrize("how", ["resolved", "closed"])
async def test_after_its_ticket_ended_an_alarm_opens_another(
    desk: DeskInMemory, prod: Monitoring, how: str
) -> None:
    first = await prod.fires()
    await desk.submits_form(BOB, "Resolve", first, text="Restarted.")
    if how == "closed":
        await desk.presses(ALICE, "Close", first)
    assert await prod.ends() == first
    assert reports(desk, first) == [], "the end of an alarm is no news on a ticket that has ended"
    second = await prod.fires()
    assert [second, await prod.fires()] == ["ACME-2", "ACME-2"]
    await desk.submits_form(BOB, "Resolve", second, text="Restarted again.")
    assert await prod.fires() == "ACME-3"


async def test_an_older_ticket_that_was_reopened_goes_on(desk: DeskInMemory, prod: Monitoring) -> None:
    first = await prod.fires()
    await desk.submits_form(BOB, "Resolve", first, text="Restarted.")
    second = await prod.fires()
    await desk.submits_form(BOB, "Resolve", second, text="The same as before.")
    await desk.presses(ALICE, "Reopen", first)
    assert [await prod.fires("Down for good"), await prod.ends()] == [first, first]
    assert [len(reports(desk, key)) for key in (first, second)] == [2, 0]
    await desk.submits_form(BOB, "Resolve", first, text="Replaced.")
    assert await prod.fires() == "ACME-3"


async def test_an_end_without_a_ticket_is_nothing(desk: DeskInMemory, prod: Monitoring) -> None:
    assert await prod.ends() == ""
    assert await desk.keys() == []


async def test_other_alarms_and_other_sources_have_tickets_of_their_own(
    desk: DeskInMemory, prod: Monitoring
) -> None:
    keys = [await prod.fires(id="api"), await prod.fires(id="db"), await Monitoring(desk, "staging").fires()]
    assert keys == ["ACME-1", "ACME-2", "ACME-3"]


async def test_a_delivery_that_is_repeated_later_changes_nothing(
    desk: DeskInMemory, prod: Monitoring
) -> None:
    """A signed request that somebody recorded and sends again, also after the ticket was resolved."""
    key = await prod.fires(delivery="msg_1")
    await prod.ends(delivery="msg_2")
    assert await prod.fires(delivery="msg_3") == key
    told = len(reports(desk, key))
    assert [await prod.ends(delivery="msg_2"), await prod.fires(delivery="msg_1")] == [key, key]
    assert len(reports(desk, key)) == told
    await desk.submits_form(BOB, "Resolve", key, text="Restarted.")
    assert await prod.fires(delivery="msg_1") == key
    assert await desk.keys() == [key]
    desk.real_time_passes(minutes=16)
    assert await prod.fires(delivery="msg_1") == "ACME-2", "the signature is too old for that by then"


async def test_long_and_odd_words_are_shown_whole_or_cut_visibly(
    desk: DeskInMemory, prod: Monitoring
) -> None:
    key = await prod.fires("Down\n\x00now " + "x" * 300, "y" * 5000)
    opened = (await desk.ticket(key)).opened
    assert opened.summary.startswith("Down now x")
    assert (len(opened.summary), opened.summary[-1]) == (200, "…")
    assert (len(opened.details), opened.details[-1]) == (3000, "…")
    before = await desk.events(key)
    assert await prod.fires("Down\n\x00now " + "x" * 300, "y" * 5000) == key
    assert await desk.events(key) == before


_STEPS = st.lists(st.sampled_from(["down", "slow", "over", "resolve", "reopen", "forget"]), max_size=12)


@settings(max_examples=20, deadline=None)
@given(steps=_STEPS)
def test_whatever_happens_an_alarm_that_fires_has_one_open_ticket(steps: list[str]) -> None:
    """M3-25: in any order, also if the desk forgets which ticket it was."""
    with TemporaryDirectory() as folder:
        asyncio.run(_one_open_ticket(Path(folder), steps))


async def _one_open_ticket(folder: Path, steps: list[str]) -> None:
    desk = await open_desk(folder, NIGHT, _FILE + alerts())
    prod = Monitoring(desk)
    for step in steps:
        keys = await desk.keys()
        open_ones = [key for key in keys if desk.card_view(key).state == "open"]
        match step:
            case "over":
                assert await prod.ends() == next(iter([*open_ones, *keys]), "")
            case "resolve" if open_ones:
                await desk.submits_form(BOB, "Resolve", open_ones[0], text="Restarted.")
            case "reopen" if keys and not open_ones:
                await desk.presses(ALICE, "Reopen", keys[0])
            case "forget":
                assert isinstance(desk.desk.key_values, InMemoryKeyValueStore)
                desk.desk.key_values.topics.clear()
            case "down" | "slow":
                key = await prod.fires(step)
                now = [k for k in await desk.keys() if (await desk.ticket(k)).state is State.OPEN]
                assert now == [key] == (open_ones or [key])
                assert len(await desk.keys()) == len(keys) + (not open_ones)
                before = await desk.events(key)
                assert await prod.fires(step) == key
                assert await desk.events(key) == before
            case _:
                pass  # nothing to resolve or to reopen


# Crashes and replicas -----------------------------------------------------------------------------


@asynccontextmanager
async def two_replicas(tmp_path: Path, url: str) -> AsyncIterator[tuple[DeskInMemory, DeskInMemory]]:
    clock, fake = HeldClock(NIGHT), FakeChat()
    async with AsyncExitStack() as open_ones:
        desks = []
        for _ in range(2):
            store = await open_ones.enter_async_context(connect(url))
            directory = directory_of(tmp_path, _FILE + alerts())
            desks.append(
                DeskInMemory(Desk(store, clock, directory, {"slack": fake}, store), store, clock, fake)
            )
        yield desks[0], desks[1]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_two_replicas_get_the_same_notification_at_once(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    """M3-25: one ticket, one page, and the same again once it was resolved."""
    is_file = database == "sqlite"
    url = f"sqlite:///{tmp_path}/desk.db" if is_file else str(request.getfixturevalue("postgres_url"))
    async with two_replicas(tmp_path, url) as desks:
        for number in (1, 2):
            keys = await asyncio.gather(
                *(
                    answer(
                        each.desk,
                        AlarmChanged(f"n{number}{nth}", each.clock.now(), "prod", "api", True, "Down"),
                    )
                    for nth, each in enumerate((*desks, *desks))
                )
            )
            assert {ticket_of(each) for each in keys} == {f"ACME-{number}"}
            await desks[0].deliver()
            assert len([said for said in desks[0].direct(BOB) if "Down" in said.text]) == number
            await desks[0].submits_form(BOB, "Resolve", f"ACME-{number}", text="Restarted.")
        assert await desks[0].keys() == ["ACME-2", "ACME-1"]


_DIES_BEFORE_IT_REMEMBERS = """
import asyncio, os, signal, sys
from pathlib import Path
from adapters.sql.store import connect
from bot.config.directory import Directory
from bot.config.settings import load_desk
from bot.desk.desk import Desk, InMemoryKeyValueStore
from bot.desk.routes import answer
from bot.model.inbound import AlarmChanged
from tests.harness import HeldClock

async def main(folder):
    async with connect(f"sqlite:///{folder}/desk.db") as store:
        async def dies(*_): os.kill(os.getpid(), signal.SIGKILL)
        store.put = dies
        clock = HeldClock("2026-03-21T01:30:00Z")
        desk = Desk(store, clock, Directory(load_desk(Path(folder, "frontline.toml"))), {}, store)
        await answer(desk, AlarmChanged("n0", clock.now(), "prod", "api", True, "Down"))

asyncio.run(main(sys.argv[1]))
"""


async def test_a_process_killed_between_ticket_and_memory_leaves_one_ticket(tmp_path: Path) -> None:
    """SIGKILL after the ticket is stored and before the alarm's ticket is remembered."""
    directory_of(tmp_path, _FILE + alerts())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _DIES_BEFORE_IT_REMEMBERS, str(tmp_path)
    )
    assert await process.wait() == -9
    async with two_replicas(tmp_path, f"sqlite:///{tmp_path}/desk.db") as (desk, _):
        assert await desk.keys() == ["ACME-1"]
        prod = Monitoring(desk)
        assert [await prod.fires("Down", ""), await prod.fires("Down", "")] == ["ACME-1", "ACME-1"]
        assert (await desk.events("ACME-1")).count("CustomerWrote") == 0
        assert await prod.ends() == "ACME-1"
        assert len(reports(desk, "ACME-1")) == 1


async def test_the_end_is_not_lost_if_the_process_died_after_the_opening(tmp_path: Path) -> None:
    """The alarm's end finds a ticket that is not remembered yet."""
    directory_of(tmp_path, _FILE + alerts())
    async with two_replicas(tmp_path, f"sqlite:///{tmp_path}/desk.db") as (desk, other):
        key = await Monitoring(desk).fires("Down", "")
        store = desk.desk.key_values
        assert isinstance(store, SqlStore)
        for name in await store.get_all("alarm"):
            await store.delete("alarm", name)
        assert await Monitoring(other).ends() == key
        assert len(reports(other, key)) == 1
