"""Scripted terminal sessions with the whole desk."""

from __future__ import annotations

import asyncio
import os
import re
from datetime import timedelta

import pytest

from adapters.console import read_lines, run, until_delivered
from adapters.console.commands import parse_length
from bot.clock import SimulatedClock, WallClock, parse_instant, real_now
from bot.desk.desk import Desk
from bot.desk.routes import dispatch
from bot.model.address import MessageRef, Place, UserRef
from bot.model.inbound import Answer, Inbound, Submission
from bot.model.views import Notice
from bot.runtime.delivery import LEASE
from bot.runtime.runtime import Runtime
from tests.console.conftest import FRIDAY_AFTERNOON, OpenSession, Session, shown
from tests.desk_file import entra
from tests.harness import DESK_FILE
from tests.memory_store import MemoryStore
from tests.waiting import turns

OPENED = ("/support Bills are slow", "", "", "1", "2", "2", "")
"""Summary kept, no details, something is broken, production is reduced, no breach of privacy; sent."""


async def test_from_support_to_the_end_of_a_ticket(session: OpenSession) -> None:
    at = await session()

    told = await at.types("/support Bills are [red]slow", "", "", "1", "", "2", "", "2", "")
    assert "please correct these" in told
    assert re.search(r"4 {2}Not affected\n {2}! Please choose an answer\.\n› 2\n", told)
    assert "#acme · Alice sees\n╭─ ACME-1 ─" in told
    assert "Bills are [red]slow" in told
    assert "less than 4 h left" in told
    assert "due Fri 20 Mar 2026, 20:30 CET" in told
    assert "  · #triage · agents see: ACME-1 Bills are [red]slow · S2 (proposed) · open" in told

    told = await at.types("as bob", "1", "press reply", "We look into it.", "", "")
    assert "You are Bob (agent), in #triage." in told
    assert "[1] Acknowledge  [2] Reply  [3] Update" in told
    assert "  ACME-1 severity: S2 (proposed) → S2 · owner: unassigned → unassigned, seen by Bob" in told
    buttons = "  [1] Take it  [2] Reply  [3] Update  [4] Resolve  [5] Escalate\n"
    assert f"{buttons}  More:\n  [6] Assign  [7] Change severity  [8] Why?" in told
    assert "First response: less than 4 h left → met" in " ".join(told.split())
    assert "  · #acme · Alice sees: ACME-1 Bob replied: “We look into it.”" in told

    told = await at.types("press Resolve ACME-1", "The queue runs again.", "as alice", "say thanks")
    assert "#acme · thread of ACME-1 · Alice sees\n  ACME-1 Bob replied:\n  │ We look into it." in told
    assert "only Alice sees this\n  ! ACME-1 is resolved. We passed your message on to the agents" in told

    told = await at.types("press close", "show", "list")
    assert "ACME-1 state: resolved → closed" in told
    assert "  Alice\n  │ thanks" in told
    assert "›  ACME-1  S2  closed  met Fri 16:30  Bills are [red]slow" in told
    assert (await at.desk.ticket("ACME-1")).state == "closed"


async def test_why_shows_the_working_to_the_one_who_asks(session: OpenSession) -> None:
    told = await (await session()).types(*OPENED, "why")
    assert "Alice presses Why? on ACME-1." in told
    assert "only Alice sees this" in told
    assert "Fri 20 Mar 16:30" in told
    assert "████" in told


async def test_time_passes_on_a_simulated_clock(session: OpenSession) -> None:
    at = await session()
    told = await at.types(*OPENED, "wait 2h 45m", "wait soon", "wait 1h16m", "as dana", "1")
    assert "ACME-1 First response: less than 4 h left → less than 3 h left" in told
    assert "  · direct message to Dana: ACME-1 Warning: first response is due" in told
    assert "It is Fri 20 Mar 2026, 19:15 CET." in told
    assert "! How long? wait 45m" in told
    assert "#acme · thread of ACME-1 · Alice sees\n  ‼ ACME-1 We missed the" in told
    assert "[1] Acknowledge  [2] I'll call  [3] Delegate  [4] Snooze" in told
    assert "Acknowledged ACME-1. We will not remind you of this alert." in told

    at.may_wait = False
    assert "This desk runs in real time." in await at.types("wait 2h")


async def test_nothing_typed_is_lost_when_the_desk_fails(session: OpenSession) -> None:
    at = await session()
    works, failures = at.dispatch, [True]

    async def fails_once(act: Inbound) -> Answer:
        if isinstance(act, Submission) and failures:
            failures.pop()
            raise ConnectionError("the database is away")
        return await works(act)

    at.dispatch = fails_once
    told = await at.types(*OPENED, "")
    assert "! It could not be sent: the database is away. It is kept." in told
    assert told.count("What is this about?\n") == 1
    assert "╭─ ACME-1 ─" in told


async def test_a_failing_act_ends_neither_the_session_nor_what_was_typed(session: OpenSession) -> None:
    at = await session()

    async def fails(act: Inbound) -> Answer:
        raise RuntimeError("no such luck")

    at.dispatch = fails
    told = await at.types("/support Bills are slow", "help")
    assert "! That did not work: no such luck. Please try again." in told
    assert "│ /support Bills are slow" in told
    assert "press LABEL [KEY]" in told


async def test_a_form_can_be_walked_back_cleared_and_given_up(session: OpenSession) -> None:
    at = await session()
    told = await at.types(
        "/support Bills", "x" * 201, "back", "clear", r"\back", "two \\", "lines", "9", "cancel"
    )
    assert "! That has 201 characters; the limit is 200." in told
    assert "! “9” is not an option; type a number from 1 to 7." in told
    assert "Cancelled; nothing was sent." in told
    assert await at.desk.store.tickets("acme") == []

    told = await at.types(
        "/support Bills", "", "", "how do i …? advice or best practice", "down", "no", "back"
    )
    assert "1  Yes, or we cannot rule it out\n  2  No ✓" in told
    assert "! The input ended; m3ter Support was not sent." in told


async def test_each_person_sees_what_they_could_see(session: OpenSession) -> None:
    at = await session()
    told = await at.types(*OPENED, "in #triage", "in nowhere", "as nobody", "as yuki", "list", "say hello")
    assert "! Alice is not in #triage." in told
    assert "! No place is called “nowhere”. Choose from #triage, #acme, #silverline and dm." in told
    assert "! No person is called “nobody”. Choose from Alice, Yuki, Dana, Bob, Eve, Kim, Mia." in told
    assert "You are Yuki (customer of Silverline Ltd), in #silverline." in told
    assert "No tickets in #silverline." in told
    assert "! There is no thread of ACME-1 in #silverline." in told
    assert "  You typed:\n│ hello" in told


async def test_a_button_is_never_pressed_on_a_ticket_that_was_not_meant(session: OpenSession) -> None:
    at = await session()
    told = await at.types(
        *OPENED, *OPENED, "as bob", "press acknowledge", "press acknowledge", "9", "press fly"
    )
    assert "Bob presses Acknowledge on ACME-2." in told
    assert "on ACME-1" not in told
    assert "! There is no button “acknowledge” here for ACME-2." in told
    assert "! There is no button 9; the last ones are 1 to 8." in told

    told = await at.types("as bob", "1", "press acknowledge acme-1", "show acme-1", "show acme-9")
    assert "! No buttons are shown here" in told
    assert "Bob presses Acknowledge on ACME-1." in told
    assert "! acme-9 is not in this place" in told


async def test_unknown_words_say_what_can_be_typed(session: OpenSession) -> None:
    told = await (await session()).types("frobnicate", "press", "", "quit", "help")
    assert "! “frobnicate” is not a command. The commands are:" in told
    assert "as NAME" in told
    assert "this list, the end" not in told


async def test_in_a_direct_conversation_one_asks_for_ones_own_channels(session: OpenSession) -> None:
    at = await session()
    told = await at.types("in dm", "/support", "Bills", "", "1", "2", "2", "", "say thanks")
    assert "You are Alice (customer of Acme GmbH), in a direct conversation with the desk." in told
    assert "ACME-1 was opened in the channel of Acme GmbH." in told


async def test_news_below_a_standing_prompt_leave_it_standing(session: OpenSession) -> None:
    at = await session()
    await at.types(*OPENED)
    at.screen.prompt(lambda: f"{at.screen.ticket} › ")
    await at.desk.platforms["slack"].post(Place("slack", "C0ACME"), Notice(("News.",)), None)
    assert shown(at.screen.out).endswith("ACME-1 ›\n\n#acme · Alice sees\n  News.\nACME-1 ›")


async def test_teams_and_slack_share_one_terminal(session: OpenSession) -> None:
    agent = entra("zoe")
    teams = f'[teams]\ntriage = "19:triage@thread.tacv2"\nagents = ["{agent}"]\n\n[rotas]'
    file = DESK_FILE.replace("[rotas]", teams).replace(
        'channels = ["slack:C0ACME"]', 'channels = ["teams:19:acme@thread.tacv2", "slack:C0ACME"]'
    )
    at = await session(desk_file=file)
    told = await at.types(*OPENED, f"as {agent}", "press take it", "in #triage", "as bob", "in #acme-slack")
    assert "  · #triage-teams · agents see: ACME-1 Bills are slow" in told
    assert f"You are {agent} (agent), in #triage-teams." in told
    assert f"owner: unassigned → {agent}" in told
    assert f"! {agent} is not in #triage." in told


async def test_a_group_without_people_gets_a_sample_agent(session: OpenSession) -> None:
    file = 'vendor = "m3ter"\n[slack]\ntriage = "C0TRIAGE"\nagents = ["S0SUPPORT"]\n[[accounts]]\n'
    file += 'id = "acme"\nname = "Acme"\nplan = "gold"\nchannels = ["slack:C0ACME"]\n'
    at = await session(desk_file=file)
    told = await at.types(*OPENED, "as sam", "press take it")
    assert "owner: unassigned → Sam" in told


async def test_messages_of_an_earlier_run_are_said_again_when_they_change(session: OpenSession) -> None:
    at = await session()
    await at.types(*OPENED)
    chat = at.desk.platforms["slack"]
    earlier = MessageRef(Place("slack", "C0ACME"), "earlier-1")
    await chat.update(earlier, Notice(("Old news.",)))
    assert shown(at.screen.out).endswith("#acme · Alice sees\n  Old news.\n")
    assert await chat.places_of(UserRef("slack", "elsewhere", "U0NOBODY")) == frozenset()


async def test_a_message_that_is_just_being_sent_is_waited_for(
    session: OpenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it was taken up a little after the clock was read, as on a busy machine."""
    at = await session()

    async def not_yet() -> None:
        """Nothing is delivered until we do it."""

    monkeypatch.setattr(at, "settle", not_yet)
    await at.types(*OPENED)
    a_little_later = at.clock.now() + timedelta(milliseconds=300)
    lanes = await at.store.lanes(a_little_later, 10)
    sending = [await at.store.claim(lane, a_little_later, a_little_later + LEASE) for lane in lanes]
    assert await at.store.lanes(a_little_later, 10) == []

    settling = asyncio.ensure_future(until_delivered(at.store, at.clock)())
    await turns(10)
    assert not settling.done()

    for outgoing in filter(None, sending):
        await at.store.sent(outgoing.message.key, MessageRef(at.screen.place, outgoing.message.key))
    await Session.settle(at)
    await settling


async def test_over_a_pipe_with_the_real_loops(session: OpenSession) -> None:
    """The wiring of the command: loops that run by themselves, and lines of a file descriptor."""
    at = await session()
    clock = SimulatedClock(real_now(), parse_instant(FRIDAY_AFTERNOON), 1.0)
    store = MemoryStore()
    desk = Desk(store, clock, at.desk.directory, at.desk.platforms)
    runtime = Runtime(desk, store)
    store.on_change = runtime.store_changed
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(
            "\r\n".join((*OPENED, "as bob", "press take it", "say f\xfcr uns")).encode("utf-8") + b" \xff"
        )
    try:
        async with asyncio.timeout(20), runtime.running():
            settle = until_delivered(store, WallClock())
            code = await run(at.screen, dispatch(desk), clock, read_lines(reader), settle, echo=True)
    finally:
        os.close(reader)
    told = shown(at.screen.out)
    assert code == 0
    assert "owner: unassigned → Bob" in told
    assert "say für uns �" in told
    assert told.endswith("Bob · #triage · ACME-1 ›\n")


def test_lengths_of_time() -> None:
    texts = (
        "45m",
        "2h",
        "1h30m",
        "1h 30 min",
        "2 days",
        "90s",
        "",
        "2",
        "h",
        "-2h",
        "2h later",
        "99999d",
        "0m",
    )
    found = [None if (a := parse_length(text)) is None else a.total_seconds() / 60 for text in texts]
    assert found == [45, 120, 90, 90, 2880, 1.5, None, None, None, None, None, None, None]


async def test_the_command_is_the_one_of_the_desks_file(session: OpenSession) -> None:
    file = DESK_FILE.replace('triage = "C0TRIAGE"', 'triage = "C0TRIAGE"\ncommand = "/care"')
    told = await (await session(desk_file=file)).types("/care Bills", "cancel", "/nothing")
    assert "│ Bills" in told
    assert "! “/nothing” is not a command." in told


async def test_a_ticket_is_taken_from_the_queue_by_its_number(session: OpenSession) -> None:
    at = await session()
    told = await at.types(*OPENED, "as bob", "/support list", "1")
    assert "1 ticket is open, most critical first." in told
    assert "[1] Take it" in told
    assert "Bob presses Take it on ACME-1." in told
    assert (await at.desk.ticket("ACME-1")).owner is not None
