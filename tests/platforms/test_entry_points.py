"""What docs/parity.md says of the doors, tried: which of them open, and which nothing answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config.settings import load_desk
from bot.notify import cards
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS
from tests.platforms.on_console import OnConsole
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams
from tests.platforms.story import open_story
from tests.platforms.workplace import Workplace
from tests.teams.activities import activity, invoke, mentioning


@pytest.fixture
async def at_work(workplace: Workplace, tmp_path: Path) -> Workplace:
    """Each platform with the whole desk behind it."""
    file = ON_TEAMS if isinstance(workplace, OnTeams) else ON_SLACK
    await open_story(tmp_path, file, HeldClock(FRIDAY_AFTERNOON), MemoryStore(), [workplace])
    return workplace


@pytest.mark.parametrize("workplace", ["slack"], indirect=True)
async def test_slack(at_work: Workplace) -> None:
    assert isinstance(at_work, OnSlack)
    slack, alice = at_work.slack, at_work.people["Alice"]
    await slack.command(alice, slack.dm(alice), "/support")
    assert (form := slack.modal_of(alice)) is not None
    assert "Summary" in form.labels()
    await slack.close_modal(alice)

    said = await slack.say(alice, at_work.acme, "Bills are slow")
    await slack.react(alice, said, "ticket")
    await slack.say(alice, at_work.acme, f"{slack.mention} Bills are slow")
    await slack.say(alice, at_work.acme, "support: Bills are slow")
    await slack.say(alice, slack.dm(alice), "Bills are slow")
    await slack.settle()
    offers = [m for c in (at_work.acme, slack.dm(alice)) for m in c.messages if m.user == slack.bot.id]
    assert [slack.buttons(offer) for offer in offers] == [["Get help", "Answer here"]] * 4
    for begin in (slack.shortcut(alice, said, "x"), slack.global_shortcut(alice, "x")):
        await begin
        assert slack.modal_of(alice) is not None
        await slack.close_modal(alice)
    await slack.say(alice, slack.dm(alice), "help")
    await slack.settle()
    await at_work.ours.settle()
    assert "status KEY" in slack.text_of(slack.dms(alice)[-1])


@pytest.mark.parametrize("workplace", ["teams"], indirect=True)
async def test_teams(at_work: Workplace) -> None:
    assert isinstance(at_work, OnTeams)
    service = at_work.microsoft.service
    chat = "a:1chat-with-alice"
    mentioned = mentioning(service, "Bills are slow", **at_work.at("Alice", at_work.channel.id, id_="77"))
    for seen in (mentioned, activity(service, text="Bills are slow", **at_work.at("Alice", chat))):
        await at_work.send(seen)
        card = list(at_work.microsoft.sent_cards.values())[-1].card
        assert card["actions"][0]["title"] == "Open ticket"
        assert "Bills are slow" in str(card["body"]), "begun with these words"
    begun = activity(
        service, text="support: Bills are slow", **at_work.at("Alice", at_work.channel.id, id_="78")
    )
    await at_work.send(begun)
    card = list(at_work.microsoft.sent_cards.values())[-1].card
    assert card["actions"][0]["title"] == "Open ticket"
    assert "support:" not in str(card["body"])
    await at_work.send(activity(service, text="help", **at_work.at("Alice", chat)))
    assert "status KEY" in str(list(at_work.microsoft.sent_cards.values())[-1].card)
    command = {"commandId": "support", "commandContext": "compose"}
    where = at_work.at("Alice", at_work.channel.id)
    opened = await at_work.send(invoke(service, "composeExtension/fetchTask", command, **where))
    assert opened["task"]["type"] == "continue"


@pytest.mark.parametrize("workplace", ["console"], indirect=True)
async def test_the_terminal(at_work: Workplace) -> None:
    assert isinstance(at_work, OnConsole)
    told = await at_work.types("in dm", "/support Bills are slow", "cancel", "say Bills are slow", "cancel")
    assert told.count("Cancelled; nothing was sent.") == 2
    assert told.count("│ Bills are slow") == 2, "the form is begun with these words"
    assert "status KEY" in await at_work.types("say help")
    assert "You cannot see ACME-7 from here." in await at_work.types("/support close ACME-7")
    told = await at_work.types("in #acme", "show", "press Get help", "cancel")
    assert "[1] Get help" in told
    assert "Summary" in told


async def test_a_standing_message_opens_the_form(open_workplace: OpenWorkplace, tmp_path: Path) -> None:
    """By its button, where the desk put it."""
    for name in ("slack", "teams"):
        clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
        workplace = await open_workplace(name, clock, store)
        desk = await open_story(
            tmp_path, ON_TEAMS if name == "teams" else ON_SLACK, clock, store, [workplace]
        )
        policy = load_desk(tmp_path / "frontline.toml").policies[-1]
        said = await workplace.ours.post(workplace.channel, cards.get_help(policy), None)
        assert await workplace.presses("Alice", "Get help", said) == ""
        assert await desk.store.tickets("acme") == [], "only asked so far"
        if isinstance(workplace, OnSlack):
            assert workplace.slack.modal_of(workplace.people["Alice"]) is not None
