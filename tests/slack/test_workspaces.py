"""Many workspaces: each request is answered where it came from, each message said where its channel is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from bot.address import MessageRef, Place, UserRef
from bot.exchange import Ask, Command, Posted, Show
from bot.forms import Form, TextField
from bot.pad import Pad
from bot.ports import Never, NotNow, Priority
from bot.views import Notice
from demo.slack import Channel, FakeSlack, Person
from sla_core.countdown import Tone
from tests.slack.conftest import Workspace
from tests.slack.offices import ORG, Office, opened

FORM = Form("intake", "Get help", "Open ticket", (TextField("summary", "Summary", limit=150),))


def words(text: str) -> Notice:
    return Notice((text,), Tone.CALM)


@dataclass
class Town:
    """The vendor's workspace, with triage, and a customer's who installed the app as well."""

    office: Office
    vendor: FakeSlack
    acme: FakeSlack
    bob: Person
    ann: Person
    triage: Channel
    general: Channel

    async def said_in(self, channel: Channel, slack: FakeSlack) -> list[str]:
        return [slack.text_of(message) for message in slack.messages(channel)]


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with (
        FakeSlack(bot_token="") as vendor,
        FakeSlack(bot_token="", team_id="T0ACME", domain="acme", bot_name="Desk", beside=vendor) as acme,
        opened(vendor, Pad()) as office,
    ):
        vendor.bot_url = acme.bot_url = f"{office.url}/slack/events"
        bob, ann = vendor.person("Bob"), acme.person("Ann")
        triage, general = vendor.channel("triage", [bob]), acme.channel("general", [ann])
        for workspace in (acme, vendor):
            assert (await office.install(workspace))[0] == 200
        yield Town(office, vendor, acme, bob, ann, triage, general)
        await acme.settle()
        assert vendor.complaints == acme.complaints == []


async def test_a_command_is_answered_where_it_was_typed(town: Town) -> None:
    town.office.desk.answer = Ask(FORM)
    for slack, who, where in ((town.acme, town.ann, town.general), (town.vendor, town.bob, town.triage)):
        await slack.command(who, where, "/support")
        assert slack.modal_of(who) is not None
    actors = [heard.actor for heard in town.office.desk.heard]
    assert [(actor.team, actor.user.home) for actor in actors] == [
        ("T0ACME", "T0ACME"),
        ("T0VENDOR", "T0VENDOR"),
    ]


async def test_a_channel_nobody_wrote_in_is_found_and_remembered(town: Town) -> None:
    """The desk's file names channels only."""
    place = Place("slack", town.general.id)
    said = await town.office.ours.post(place, words("Hello."), None)
    assert await town.said_in(town.general, town.acme) == ["Hello."]
    tried = len(town.vendor.calls_to("chat.postMessage"))
    assert tried == 1, "home is asked first"
    await town.office.ours.update(said, words("Hello again."))
    await town.office.ours.post(place, words("And more."), None)
    assert len(town.vendor.calls_to("chat.postMessage")) == tried
    assert town.vendor.calls_to("chat.update") == []
    assert await town.said_in(town.general, town.acme) == ["Hello again.", "And more."]

    async with opened(town.vendor, town.office.notes) as restarted:
        await restarted.ours.post(place, words("Still here."), None)
    assert len(town.vendor.calls_to("chat.postMessage")) == tried


async def test_a_channel_in_no_workspace_is_refused_for_good(town: Town) -> None:
    with pytest.raises(Never, match="channel_not_found"):
        await town.office.ours.post(Place("slack", "C0NOWHERE"), words("Hello?"), None)


async def test_a_workspace_that_is_slow_is_not_passed_over(town: Town) -> None:
    town.vendor.fail_next("chat.postMessage", status=429, retry_after=7)
    with pytest.raises(NotNow) as waits:
        await town.office.ours.post(Place("slack", town.general.id), words("Hello."), None)
    assert waits.value.after == 7
    assert await town.said_in(town.general, town.acme) == []


async def test_each_workspace_pays_for_its_own_countdowns(town: Town) -> None:
    places = [Place("slack", channel.id) for channel in (town.triage, town.general)]
    for place in places:
        await town.office.ours.post(place, words("A card."), None)
    purses = [
        town.office.ours.costs(place, MessageRef(place, "1"), Priority.COUNTDOWN)[-1].bucket
        for place in places
    ]
    assert ["T0VENDOR" in purses[0], "T0ACME" in purses[1]] == [True, True]


async def test_home_is_the_workspace_with_triage(town: Town) -> None:
    await town.office.ours.post(Place("slack", town.triage.id), words("A ticket."), None)
    assert town.office.ours.us.team == "T0VENDOR"
    assert await town.said_in(town.triage, town.vendor) == ["A ticket."]
    assert town.acme.calls_to("chat.postMessage") == []


async def test_home_is_found_before_anything_was_said_there(town: Town) -> None:
    town.vendor.group("support", [town.bob])
    assert await town.office.ours.members("S0SUPPORT") == {UserRef("slack", "T0VENDOR", "U0BOB")}
    assert town.acme.calls_to("usergroups.users.list") == []


async def test_a_person_is_written_to_where_they_are(town: Town) -> None:
    said = await town.office.ours.post(UserRef("slack", "", "U0ANN"), words("For you."), None)
    assert [town.acme.text_of(m) for m in town.acme.dms(town.ann)] == ["For you."]
    await town.office.ours.update(said, words("For you, Ann."))
    assert [town.acme.text_of(m) for m in town.acme.dms(town.ann)] == ["For you, Ann."]
    await town.office.ours.post(UserRef("slack", "", "U0BOB"), words("Page."), None)
    assert [town.vendor.text_of(m) for m in town.vendor.dms(town.bob)] == ["Page."]
    assert town.acme.dms(town.ann)[0].edits == 1


async def test_channels_of_a_person_are_read_in_their_own_workspace(town: Town) -> None:
    assert await town.office.ours.places_of(UserRef("slack", "T0VENDOR", "U0BOB")) == {
        Place("slack", town.triage.id)
    }


# --- a shared channel, with the app on both sides


@dataclass
class Shared:
    ours: Channel
    theirs: Channel


def shared(town: Town) -> Shared:
    """One channel under one id, with both bots in it."""
    town.vendor.world.users[town.ann.id] = town.ann
    town.acme.world.users[town.bob.id] = town.bob
    return Shared(
        town.vendor.channel("acme", [town.bob, town.ann], id="C0SHARED"),
        town.acme.channel("acme", [town.bob, town.ann], id="C0SHARED", ext_shared=True),
    )


async def test_in_a_shared_channel_home_speaks_though_the_other_side_was_heard(town: Town) -> None:
    both = shared(town)
    await town.acme.command(town.ann, both.theirs, "/support")
    await town.office.ours.post(Place("slack", "C0SHARED"), words("Your ticket."), None)
    assert await town.said_in(both.ours, town.vendor) == ["Your ticket."]
    assert await town.said_in(both.theirs, town.acme) == []


async def test_in_a_shared_channel_an_agent_is_one_through_either_side(town: Town) -> None:
    """Slack delivers such a message once, through either installation."""
    both = shared(town)
    await town.office.ours.post(Place("slack", "C0SHARED"), words("Your ticket."), None)
    await town.acme.say(town.bob, both.theirs, "We look into it.")
    await town.acme.say(town.ann, both.theirs, "Thank you.")
    first, second = town.office.desk.heard
    assert isinstance(first, Posted)
    assert (first.actor.team, first.actor.user.home) == ("T0VENDOR", "T0VENDOR")
    assert (second.actor.team, second.actor.user.home) == ("T0VENDOR", "T0ACME")


# --- going away


async def test_an_uninstalled_workspace_gets_nothing_more(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place("slack", town.general.id)
    await town.office.ours.post(place, words("Hello."), None)
    assert (await town.acme.uninstall()).ok
    with pytest.raises(Never, match="Frontline was uninstalled from Acme"):
        await town.office.ours.post(place, words("Anybody?"), None)
    assert "the app was uninstalled" in capsys.readouterr().out
    [told] = await town.said_in(town.triage, town.vendor)
    assert "Frontline was uninstalled from Acme (T0ACME)" in told
    assert (await town.office.stored("T0ACME")).token == ""

    assert (await town.office.install(town.acme))[0] == 200
    await town.office.ours.post(place, words("Back again."), None)
    assert await town.said_in(town.general, town.acme) == ["Hello.", "Back again."]


async def test_another_process_notices_it_at_the_next_call(town: Town) -> None:
    place = Place("slack", town.general.id)
    async with opened(town.vendor, town.office.notes) as other:
        await other.ours.post(place, words("Hello."), None)
        await town.acme.uninstall()
        with pytest.raises(Never, match="Frontline was uninstalled from Acme"):
            await other.ours.post(place, words("Anybody?"), None)


async def test_news_of_an_uninstallation_that_is_older_than_the_installation_is_void(town: Town) -> None:
    late = {"type": "event_callback", "team_id": "T0ACME", "event_time": 1, "event_id": "Ev1"}
    late |= {"authorizations": [{"team_id": "T0ACME", "enterprise_id": None, "is_enterprise_install": False}]}
    for event in ({"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["U0DESK"]}}):
        assert (await town.acme._wire.event(late | {"event": event})).ok
    assert not (await town.office.stored("T0ACME")).gone


async def test_news_that_could_not_be_kept_comes_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(topic: str, key: str, value: str) -> None:
        monkeypatch.undo()
        raise RuntimeError("the database is away")

    monkeypatch.setattr(town.office.notes, "note", broken)
    assert (await town.acme.uninstall()).ok
    assert [ack.status for ack in town.acme.acks if ack.kind == "app_uninstalled"] == [503, 200]
    assert (await town.office.stored("T0ACME")).gone


async def test_a_malformed_farewell_is_refused_calmly(town: Town) -> None:
    ack = await town.acme.event({"type": "tokens_revoked", "tokens": 7})
    assert (ack.status, ack.no_retry) == (400, True)


async def test_a_workspace_that_never_installed_is_answered_calmly(town: Town) -> None:
    async with FakeSlack(bot_token="", team_id="T0OTHER", domain="other", beside=town.vendor) as other:
        other.bot_url = town.vendor.bot_url
        eve = other.person("Eve")
        general = other.channel("general", [eve])
        reply = await other.command(eve, general, "/support")
        assert "nothing was changed" in reply.shown
        await other.say(eve, general, "hello")
        assert town.office.desk.heard == []


async def test_where_nobody_installed_it_messages_wait() -> None:
    async with FakeSlack(bot_token="") as slack, opened(slack, Pad()) as office:
        with pytest.raises(NotNow, match="no workspace has installed the app yet"):
            await office.ours.post(Place("slack", "C0TRIAGE"), words("Hello?"), None)
        with pytest.raises(NotNow, match="no workspace has installed the app yet"):
            await office.ours.members("S0SUPPORT")


# --- tokens that were renewed by another process


async def test_a_token_that_ended_is_read_again(town: Town) -> None:
    """This process did not look in time; another one renewed."""
    apps = town.vendor.apps
    apps.rotates = True
    await town.office.install(town.acme)
    async with opened(town.vendor, town.office.notes) as other:
        for hours in (11, 22):
            other.clock.gone_by = timedelta(hours=hours)
            await other.look()
    stale = town.office.workspaces._here["T0ACME"].api.token
    assert stale not in apps.bearers
    await town.office.ours.post(Place("slack", town.general.id), words("Hello."), None)
    assert await town.said_in(town.general, town.acme) == ["Hello."]


async def test_an_installation_of_another_process_is_known_at_its_first_request(town: Town) -> None:
    async with (
        opened(town.vendor, town.office.notes) as elsewhere,
        FakeSlack(bot_token="", team_id="T0NEW", domain="new", beside=town.vendor) as new,
    ):
        assert (await elsewhere.install(new))[0] == 200
        new.bot_url = town.vendor.bot_url
        nia = new.person("Nia")
        town.office.desk.answer = Show(words("Hello."))
        assert "Hello." in (await new.command(nia, new.channel("general", [nia]), "/support")).shown


# --- a whole organisation


@dataclass
class Grid:
    office: Office
    east: FakeSlack
    west: FakeSlack


@pytest.fixture
async def grid() -> AsyncIterator[Grid]:
    async with (
        FakeSlack(bot_token="", team_id="T0EAST", domain="east") as east,
        FakeSlack(bot_token="", team_id="T0WEST", domain="west", beside=east) as west,
        opened(east, Pad()) as office,
    ):
        east.bot_url = west.bot_url = f"{office.url}/slack/events"
        for slack in (east, west):
            slack.world.org = ORG
        status, _ = await office.install(east, enterprise=ORG, everywhere=[east.world, west.world])
        assert status == 302
        yield Grid(office, east, west)
        assert east.complaints == west.complaints == []


async def test_an_organisations_workspaces_are_served_by_one_token(grid: Grid) -> None:
    wil, eva = grid.west.person("Wil"), grid.east.person("Eva")
    west = grid.west.channel("west", [wil])
    grid.office.desk.answer = Ask(FORM)
    await grid.west.command(wil, west, "/support")
    assert grid.west.modal_of(wil) is not None
    await grid.east.say(eva, grid.east.channel("east", [eva]), "hello")
    command, posted = grid.office.desk.heard
    assert isinstance(command, Command)
    assert (command.actor.team, posted.actor.team) == ("T0WEST", "T0EAST")
    await grid.office.ours.post(command.place, words("Here."), None)
    assert [grid.west.text_of(m) for m in grid.west.messages(west)] == ["Here."]


async def test_what_needs_a_workspace_named_is_asked_with_it(grid: Grid) -> None:
    wil = grid.west.person("Wil")
    triage = grid.west.channel("triage", [wil])
    grid.west.group("support", [wil])
    ours = grid.office.ours
    assert await ours.members("S0SUPPORT") == {UserRef("slack", "T0WEST", "U0WIL")}
    assert await ours.places_of(UserRef("slack", "T0WEST", "U0WIL")) == {Place("slack", triage.id)}


async def test_a_workspace_that_the_app_was_not_let_into_is_the_admins_to_mend(grid: Grid) -> None:
    grid.east.fail_next("chat.postMessage", error="team_access_not_granted")
    with pytest.raises(NotNow, match="team_access_not_granted"):
        await grid.office.ours.post(Place("slack", "C0EAST"), words("Hello."), None)


def test_ids_tell_organisations_from_workspaces() -> None:
    from adapters.slack.workspaces.installation_store import Installation

    def made(id: str) -> Any:
        return Installation(id, "x", "xoxb-1", "U1", "B1", "frontline")

    assert made("E0MEGA").everywhere
    assert not made("T0ACME").everywhere


# --- one workspace, by the token of the environment


async def test_one_workspace_that_removed_the_app_is_the_operators_to_mend(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (await workspace.slack.uninstall()).ok
    assert "the app was uninstalled: install it again" in capsys.readouterr().out
    with pytest.raises(NotNow, match="account_inactive"):
        await workspace.ours.post(Place("slack", workspace.acme.id), words("Hello?"), None)
