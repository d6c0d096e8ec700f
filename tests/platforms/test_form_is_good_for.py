"""Whose form it is: good for a day, for the people and in the channels of its account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.model.forms import OPENED_AT, is_expired
from sla_core.events import Answered
from tests.desk_file import TEAMS, TEAMS_ACME, account, desk_file
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON
from tests.platforms.on_teams import OnTeams, on_teams
from tests.platforms.open_forms import Dialog, FormCard, LossyDesk, lossy_desk, open_lossy_desk
from tests.platforms.story import KEY, S2, open_story
from tests.teams.activities import activity

__all__ = ["lossy_desk", "open_lossy_desk"]

BETA, SECOND = "19:beta@thread.tacv2", "19:acme-too@thread.tacv2"
TWO_CUSTOMERS = desk_file(
    chats=[TEAMS],
    platforms=["teams"],
    accounts=[
        account(channel=f'teams:{TEAMS_ACME}", "teams:{SECOND}'),
        account("beta", "Beta Ltd", channel=f"teams:{BETA}"),
    ],
)
ELSEWHERE = "belongs to another channel, so it was not sent and nothing was changed."


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[LossyDesk]:
    """Acme and Beta, each in a channel of their own, on Teams."""
    clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
    async with on_teams(clock, store) as workplace:
        story = await open_story(tmp_path, TWO_CUSTOMERS, clock, store, [workplace])
        yield LossyDesk(story, workplace, workplace.dispatch)


def forms_of(desk: LossyDesk) -> OnTeams:
    assert isinstance(desk.workplace, OnTeams)
    return desk.workplace


async def test_another_customers_payload_opens_nothing(desk: LossyDesk) -> None:
    """Mallory of Beta has got hold of Acme's form, and sends it from where she is."""
    form = await desk.asks("Alice", "Bills are slow")
    assert isinstance(form, FormCard)
    stolen = replace(form, who="Mallory", conversation=f"{BETA};messageid=1")
    told = await stolen.sends(summary="All your bills", **S2)
    assert told.startswith(f"⚠️ This form {ELSEWHERE}")
    assert "All your bills" in told, "what was typed is given back"
    assert await desk.summaries() == []
    assert await form.sends(**S2)
    assert await desk.summaries() == ["Bills are slow"], "Alice's own form is as good as before"


async def test_another_channel_of_the_account_will_do(desk: LossyDesk) -> None:
    form = await desk.asks("Alice", "Bills are slow")
    assert isinstance(form, FormCard)
    await replace(form, conversation=f"{SECOND};messageid=1").sends(**S2)
    assert await desk.summaries() == ["Bills are slow"]


async def test_the_accounts_people_may_also_send_it_from_their_chat_with_the_app(desk: LossyDesk) -> None:
    await desk.desk.opens("Alice", "Bills are slow")
    teams = forms_of(desk)
    chat = teams.at("Alice", "a:1alice")
    await teams.send(activity(teams.microsoft.service, text=f"close {KEY}", **chat))
    named, asked = list(teams.microsoft.sent_cards.items())[-1]
    stolen = FormCard(teams, "Mallory", named, "a:1mallory", asked.card)
    assert f"This form for {KEY} {ELSEWHERE}" in await stolen.sends()
    assert await desk.desk.events() == ["Opened"]
    await replace(stolen, who="Alice", conversation="a:1alice").sends()
    assert await desk.desk.events() == ["Opened", "Closed"]


async def test_an_agents_form_is_good_in_triage_only(desk: LossyDesk) -> None:
    await desk.desk.opens("Alice", "Bills are slow")
    form = await desk.opens_reply("Bob")
    assert isinstance(form, Dialog)
    for who, place in (("Alice", forms_of(desk).channel.id), ("Bob", BETA)):
        told = await replace(form, who=who, conversation=place).sends(text="We pay you back")
        assert f"This form for {KEY} {ELSEWHERE}" in told
        assert "We pay you back" in told
    assert await form.sends(text="We look into it") == ""
    history = await desk.desk.store.load(KEY)
    assert [event.text for event in history if isinstance(event, Answered)] == ["We look into it"]


async def test_a_form_is_good_for_a_day_and_is_then_asked_again(lossy_desk: LossyDesk) -> None:
    clock = lossy_desk.desk.desk.real_clock = HeldClock(FRIDAY_AFTERNOON)
    form = await lossy_desk.asks("Alice", "Bills are slow")
    clock.at += timedelta(hours=24)
    assert "more than a day old" not in await form.sends(**S2)
    form = await lossy_desk.asks("Alice", "Login is broken")
    clock.at += timedelta(hours=24, seconds=1)
    told = await form.sends(details="Since noon", **S2)
    assert "This form was more than a day old, so it was not sent." in told
    assert await lossy_desk.summaries() == ["Bills are slow"]
    await form.sends(details="Since noon", **S2)
    assert await lossy_desk.summaries() == ["Bills are slow", "Login is broken"], "it is a new form"


async def test_an_old_reply_is_given_back(lossy_desk: LossyDesk) -> None:
    await lossy_desk.desk.opens("Alice", "Bills are slow")
    clock = lossy_desk.desk.desk.real_clock = HeldClock(FRIDAY_AFTERNOON)
    form = await lossy_desk.opens_reply("Bob")
    clock.at += timedelta(hours=25)
    told = await form.sends(text="We look into it")
    assert f"This form for {KEY} was more than a day old, so it was not sent" in told
    assert "We look into it" in told
    assert await lossy_desk.desk.events() == ["Opened"]


def test_a_form_whose_instant_is_not_as_we_wrote_it_counts_as_too_old() -> None:
    now = datetime(2026, 3, 20, 12, tzinfo=UTC)
    for garbled in ("2026-03-20T11:00:00+00%3A00", "2026-03-20T11:00:00", "", "soon"):
        assert is_expired({OPENED_AT: garbled}, now), garbled
    assert not is_expired({OPENED_AT: "2026-03-20T11:00:00+00:00"}, now)
    assert not is_expired({}, now)
