"""More emergencies in a quarter than the policy expects: who hears of it, and in which words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.model.address import Actor
from bot.model.views import Audience, Notice
from bot.ports import Appended, Change, Duplicate
from sla_core.events import SeverityChanged
from tests.desk.intake.test_alarms import Monitoring, alerts
from tests.desk_file import account, desk_file
from tests.harness import ALICE, BOB, DANA, DeskInMemory, form_of, open_desk, person
from tests.memory_store import MemoryStore
from tests.packs.test_monta import P1, P2, TUESDAY
from tests.waiting import turns

MIA = person("Mia")


def monta(tam: str | None = "dana", leadership: str = "mia") -> str:
    return desk_file(
        "monta",
        rotas={"partner_support": ["bob"], "support_24_7": ["eve"], "leadership": [leadership]},
        people=["dana", "bob", "eve", "mia"],
        accounts=[account(name="Acme Charging", plan="partner", tam=tam)],
    ) + alerts(severity="P1")


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, TUESDAY, monta())


async def told(desk: DeskInMemory, who: Actor) -> list[str]:
    """The direct messages to a person about the number of emergencies."""
    await desk.fast_forward(seconds=10)
    return [said.text for said in desk.direct(who) if "this quarter" in said.text]


async def test_a_second_p1_in_a_quarter_is_told_to_leadership_and_the_tam(desk: DeskInMemory) -> None:
    """MTA-17: plain, with key and link, and which ticket was the first; the first P1 is told to nobody."""
    desk.chat.links_begin = "https://chat.example"
    first = await desk.submits(ALICE, "Everything is down", P1)
    assert await told(desk, MIA) + await told(desk, DANA) == []
    second = await desk.submits(ALICE, "Down again", P1)
    (said,) = await told(desk, MIA)
    assert said.startswith(
        f"{second} This is the customer's P1 number 2 this quarter, after {first}; the policy expects at "
        "most 1. This is for your information: you do not need to do anything. Acme Charging, "
        "P1: “Down again” Owner: unassigned."
    )
    assert said.endswith(f"Open {second}")
    assert await told(desk, DANA) == [said]
    (message,) = [m for m in desk.direct(MIA) if "this quarter" in m.text]
    assert isinstance(message.view, Notice)
    assert message.view.buttons == ()
    third = await desk.submits(ALICE, "And again", P1)
    assert f"{third} This is the customer's P1 number 3 this quarter" in (await told(desk, MIA))[-1]
    assert f", after {first}; " in (await told(desk, MIA))[-1]


async def test_a_new_quarter_begins_from_none(desk: DeskInMemory) -> None:
    """MTA-17."""
    first = await desk.submits(ALICE, "Everything is down", P1)
    await desk.presses(BOB, "Acknowledge", first)
    await desk.forward_to("2026-04-01T08:00:00Z")
    await desk.submits(ALICE, "Down again", P1)
    assert await told(desk, MIA) == []


async def test_a_ticket_that_is_raised_counts_as_well(desk: DeskInMemory) -> None:
    """MTA-17: told after `Change severity`, in triage and directly, and once only."""
    first = await desk.submits(ALICE, "Everything is down", P1)
    raised = await desk.submits(ALICE, "Charging fails", P2)
    await desk.submits_form(BOB, "Change severity", raised, severity="P1", text="It is down for all.")
    (said,) = await told(desk, MIA)
    assert said.startswith(f"{raised} This is the customer's P1 number 2 this quarter")
    assert f", after {first}; " in said
    assert await told(desk, DANA) == [said]
    note = f"this is the customer's P1 number 2 this quarter, after {first}; the policy expects at most 1."
    assert [note in text for text in desk.thread(raised, Audience.AGENTS)].count(True) == 1
    assert not any("this quarter" in text for text in desk.thread(raised))


async def test_the_first_one_that_is_raised_is_told_to_nobody(desk: DeskInMemory) -> None:
    raised = await desk.submits(ALICE, "Charging fails", P2)
    await desk.submits_form(BOB, "Change severity", raised, severity="P1", text="It is down for all.")
    assert await told(desk, MIA) == []


async def test_one_that_was_misjudged_does_not_count(desk: DeskInMemory) -> None:
    """MTA-17: an agent lowered the first one."""
    wrong = await desk.submits(ALICE, "Everything is down", P1)
    await desk.submits_form(BOB, "Change severity", wrong, severity="P2", text="Only exports.")
    await desk.submits(ALICE, "Down again", P1)
    assert await told(desk, MIA) == []


async def test_one_that_a_workaround_lowered_counts(desk: DeskInMemory) -> None:
    """MTA-17: it was an emergency all the same."""
    first = await desk.submits(ALICE, "Everything is down", P1)
    await desk.desk.change(
        None, first, lambda t, p, now: [SeverityChanged(now, desk.desk.who(BOB), "P2", "Restarted.", True)]
    )
    second = await desk.submits(ALICE, "Down again", P1)
    (said,) = await told(desk, MIA)
    assert said.startswith(f"{second} This is the customer's P1 number 2")
    assert f", after {first}; " in said


async def test_an_alarm_counts_like_a_request(desk: DeskInMemory) -> None:
    """MTA-17: also the note in triage."""
    first = await Monitoring(desk).fires(id="db")
    second = await Monitoring(desk).fires(id="api")
    (said,) = await told(desk, MIA)
    assert said.startswith(f"{second} This is the customer's P1 number 2 this quarter")
    assert f", after {first}; " in said
    assert any("P1 number 2 this quarter" in text for text in desk.thread(second, Audience.AGENTS))


class SlowStore(MemoryStore):
    """Another act may come between reading an account's tickets and the next step."""

    async def tickets(self, account: str) -> list[str]:
        found = await super().tickets(account)
        await turns(1)
        return found


async def test_two_at_the_same_instant_count_each_other(tmp_path: Path) -> None:
    """MTA-17: the one with the higher number is the second, whichever was counted first."""
    desk = await open_desk(tmp_path, TUESDAY, monta(), SlowStore())
    monitoring = Monitoring(desk)
    opened = await asyncio.gather(*(monitoring.fires(id=each) for each in ("db", "api", "web")))
    assert sorted(opened) == ["ACME-1", "ACME-2", "ACME-3"]
    earlier = [(await desk.ticket(key)).opened.earlier for key in sorted(opened)]
    assert earlier == [(), ("ACME-1",), ("ACME-1", "ACME-2")]
    assert [text[:6] for text in await told(desk, MIA)] == ["ACME-2", "ACME-3"]


async def test_two_that_are_raised_at_the_same_instant_count_each_other(tmp_path: Path) -> None:
    """MTA-17: neither saw the other when it was counted first."""
    desk = await open_desk(tmp_path, TUESDAY, monta(), SlowStore())
    keys = [await desk.submits(ALICE, summary, P2) for summary in ("Charging fails", "Exports fail")]
    forms = [form_of(await desk.presses(BOB, "Change severity", key)) for key in keys]
    await asyncio.gather(*(desk.sends(BOB, each, severity="P1", text="Down for all.") for each in forms))
    both = await told(desk, MIA)
    assert sorted(text[:6] for text in both) == keys
    assert all("This is the customer's P1 number 2 this quarter" in text for text in both)
    assert ", after ACME-2; " in next(text for text in both if text.startswith("ACME-1"))
    for key in keys:
        notes = [text for text in desk.thread(key, Audience.AGENTS) if "P1 number 2" in text]
        assert len(notes) == 1


class InterruptedStore(MemoryStore):
    """Something else is done just before the next ticket is stored."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def open(self, envelope: str, account: str, draft: Callable[[int], Change]) -> Appended | Duplicate:
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            await act()
        return await super().open(envelope, account, draft)


async def test_one_that_is_opened_while_another_is_raised_is_counted(tmp_path: Path) -> None:
    """MTA-17: it was counted before, and stored after it."""
    store = InterruptedStore()
    desk = await open_desk(tmp_path, TUESDAY, monta(), store)
    raised = await desk.submits(ALICE, "Charging fails", P2)
    form = form_of(await desk.presses(BOB, "Change severity", raised))
    store.meanwhile = lambda: desk.sends(BOB, form, severity="P1", text="Down for all.")
    opened = await Monitoring(desk).fires()
    assert (await desk.ticket(opened)).opened.earlier == ()
    (said,) = await told(desk, MIA)
    assert said.startswith(f"{opened} This is the customer's P1 number 2 this quarter")
    assert f", after {raised}; " in said
    assert any("P1 number 2" in text for text in desk.thread(opened, Audience.AGENTS))


async def test_who_opened_or_raised_it_is_not_told(tmp_path: Path) -> None:
    """MTA-17: Dana opens it for her customer, and Bob, who is leadership here, raises the next one."""
    desk = await open_desk(tmp_path, TUESDAY, monta(leadership="bob"))
    await desk.submits(ALICE, "Everything is down", P1)
    second = await desk.submits(DANA, "Down again", P1)
    assert (len(await told(desk, BOB)), await told(desk, DANA)) == (1, [])
    third = await desk.submits(ALICE, "Charging fails", P2)
    await desk.submits_form(BOB, "Change severity", third, severity="P1", text="It is down for all.")
    assert [text[:6] for text in await told(desk, BOB)] == [second]
    assert [text[:6] for text in await told(desk, DANA)] == [third]


async def test_without_a_tam_leadership_alone_is_told(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, TUESDAY, monta(tam=None))
    for summary in ("Everything is down", "Down again"):
        await desk.submits(ALICE, summary, P1)
    assert (len(await told(desk, MIA)), await told(desk, DANA)) == (1, [])


async def test_a_policy_without_such_a_rule_tells_nobody(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, TUESDAY, desk_file() + alerts())
    for id in ("db", "api"):
        await Monitoring(desk).fires(id=id)
    assert await told(desk, MIA) == []
