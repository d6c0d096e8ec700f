"""Members of another organisation: Slack may not give their names, but they are served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.desk.desk import InMemoryKeyValueStore
from bot.model.address import Place
from bot.model.inbound import Command, Posted
from bot.model.views import Notice
from demo.slack import FakeSlack, Person
from demo.slack.payloads import envelope, message_event
from sla_core.events import CustomerWrote, Opened
from tests.slack.desk_on_slack import ANSWERS, DeskOnSlack, a_ticket, desk_on_slack
from tests.slack.installable_desk import opened
from tests.slack.malformed import decode_payload


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[DeskOnSlack]:
    async with desk_on_slack(tmp_path) as made:
        yield made


def unknown(at: DeskOnSlack) -> Person:
    """A member of the customer's workspace without a profile."""
    at.slack.fail_next("users.info", error="user_not_found", times=1000)
    return at.people["external"]


async def test_an_unknown_person_can_open_a_ticket(at: DeskOnSlack) -> None:
    stranger = unknown(at)
    said = await at.slack.say(stranger, at.acme, "Bills are slow")
    await at.slack.react(stranger, said, "ticket")
    await at.settle()
    (offer,) = at.ours_in(at.acme)
    assert await at.summary_in_form(stranger, offer) == "Bills are slow"
    assert (await at.slack.submit(stranger, ANSWERS)).sent
    await at.settle()
    (opened,) = await at.store.load("ACME-1")
    assert isinstance(opened, Opened)
    assert opened.by.id == "slack:T0ACME:U0XENIA"
    assert opened.by.name == stranger.name, "as much as the form told"
    assert not opened.by_agent


async def test_an_unknown_person_can_reply_and_press(at: DeskOnSlack) -> None:
    card = await a_ticket(at, at.people["internal"])
    stranger = unknown(at)
    await at.slack.say(stranger, at.acme, "It is worse now", card)
    await at.slack.press(stranger, card, "Add details")
    assert (await at.slack.submit(stranger, {"Details": "much worse"})).sent
    await at.settle()
    wrote = [e for e in await at.store.load("ACME-1") if isinstance(e, CustomerWrote)]
    assert [event.text for event in wrote] == ["It is worse now", "much worse"]
    assert {event.by.id for event in wrote} == {"slack:T0ACME:U0XENIA"}
    assert all(event.by.name for event in wrote)


async def test_a_form_comes_back_in_the_name_of_their_own_workspace(at: DeskOnSlack) -> None:
    xenia = at.people["external"]
    await at.slack.say(xenia, at.acme, f"{at.slack.mention} Bills are slow")
    await at.settle()
    await at.summary_in_form(xenia, at.ours_in(at.acme)[0])
    assert (await at.slack.submit(xenia, ANSWERS)).sent
    (press,) = (decode_payload(a.request) for a in at.slack.acks if a.kind == "block_actions")
    (sent,) = (decode_payload(a.request) for a in at.slack.acks if a.kind == "view_submission")
    assert (press["team"]["id"], press["user"]["team_id"]) == ("T0VENDOR", "T0ACME")
    assert (sent["team"]["id"], sent["view"]["app_installed_team_id"]) == ("T0ACME", "T0VENDOR")
    assert await at.store.tickets("acme") == ["ACME-1"]


@pytest.mark.parametrize("listed", [True, False], ids=["described", "unknown"])
async def test_a_mention_from_a_grid_is_of_no_workspace_or_of_their_own(
    at: DeskOnSlack, listed: bool
) -> None:
    """Slack names an organisation there, and no workspace."""
    xenia = at.people["external"] if listed else unknown(at)
    told = await in_the_name_of(at, xenia, "app_mention", {"user_team": "E0GRID", "team": "E0GRID"})
    assert told == 200
    (offer,) = at.ours_in(at.acme)
    assert await at.summary_in_form(xenia, offer) == "Bills are slow"


@pytest.mark.parametrize("parts", [{"user_team": "E0GRID", "team": "E0GRID"}, {"user_team": None}])
async def test_an_agents_id_from_another_workspace_is_not_an_agent(
    at: DeskOnSlack, parts: dict[str, Any]
) -> None:
    card = await a_ticket(at, at.people["internal"])
    at.slack.fail_next("users.info", error="user_not_found", times=1000)
    namesake = replace(at.people["external"], id="U0BOB")
    at.slack.workspace.users["U0BOB"] = namesake
    told = await in_the_name_of(at, namesake, "message", parts | {"thread_ts": card.ts})
    assert told == 200
    last = (await at.store.load("ACME-1"))[-1]
    assert isinstance(last, CustomerWrote), "else the answer's clock would have been met"
    assert last.by.id in ("slack::U0BOB", "slack:T0ACME:U0BOB")


async def in_the_name_of(at: DeskOnSlack, who: Person, kind: str, parts: dict[str, Any]) -> int | None:
    said = await at.slack.say(at.people["external"], at.lounge, "hello")
    event = message_event(at.slack.workspace, said, kind)
    words = f"{at.slack.mention} Bills are slow" if kind == "app_mention" else "Bills are slow"
    root = {} if kind == "message" else {"ts": (await at.slack.say(who, at.acme, "x")).ts}
    event |= {"user": who.id, "channel": at.acme.id, "text": words, **root, **parts}
    event.pop("user_profile", None)
    ack = await at.slack._bot_client.event(envelope(at.slack.workspace, event, who.id))
    await at.settle()
    return ack.status


async def test_with_the_app_on_both_sides_either_name_is_ours(tmp_path: Path) -> None:
    """Their workspace's bot has another id; Slack delivers the message once, through theirs."""
    async with (
        FakeSlack(bot_token="") as vendor,
        FakeSlack(bot_token="", team_id="T0ACME", domain="acme", bot_name="Deskling", beside=vendor) as acme,
        opened(vendor, InMemoryKeyValueStore()) as installable,
    ):
        vendor.bot_url = acme.bot_url = f"{installable.url}/slack/events"
        bob, ann = vendor.person("Bob"), acme.person("Ann")
        vendor.channel("triage", [bob], id="C0TRIAGE")
        vendor.workspace.users[ann.id] = ann
        vendor.channel("acme", [bob, ann], id="C0SHARED")
        theirs = acme.channel("acme", [ann], id="C0SHARED", ext_shared=True)
        for workspace in (vendor, acme):
            assert (await installable.install(workspace))[0] in (200, 302)
        assert acme.mention != vendor.mention
        await installable.ours.post(Place("slack", "C0SHARED"), Notice(("Welcome.",)), None)
        await acme.say(ann, theirs, f"{acme.mention}, support: Bills are slow")
        posted, mentioned = sorted(installable.desk.heard, key=lambda act: type(act).__name__, reverse=True)
        assert isinstance(posted, Posted)
        assert posted.mentions_bot, "so that the words of a mention are not heard twice"
        assert isinstance(mentioned, Command)
        assert mentioned.text == "support: Bills are slow"
        assert {act.actor.user.home for act in (posted, mentioned)} == {"T0ACME"}
        assert {act.actor.team for act in (posted, mentioned)} == {"T0VENDOR"}
