"""Many workspaces: each request is answered where it came from, each message said where its channel is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from bot.desk.desk import InMemoryKeyValueStore
from bot.model.address import MessageRef, Place, UserRef
from bot.model.forms import Form, TextField
from bot.model.inbound import Ask, Command, Posted, Show
from bot.model.views import Notice
from bot.ports import PermanentFailure, Priority, TemporaryFailure
from demo.slack import Channel, FakeSlack, Person
from sla_core.promise import Tone
from tests.slack.conftest import Workspace
from tests.slack.installable_desk import ORG, InstallableDesk, opened

FORM = Form("intake", "Get help", "Open ticket", (TextField("summary", "Summary", limit=150),))


def words(text: str) -> Notice:
    return Notice((text,), Tone.CALM)


@dataclass
class SeveralWorkspaces:
    """The vendor's workspace, with triage, and a customer's who installed the app as well."""

    installable: InstallableDesk
    vendor: FakeSlack
    acme: FakeSlack
    bob: Person
    ann: Person
    triage: Channel
    general: Channel

    async def said_in(self, channel: Channel, slack: FakeSlack) -> list[str]:
        return [slack.text_of(message) for message in slack.messages(channel)]


@pytest.fixture
async def several() -> AsyncIterator[SeveralWorkspaces]:
    async with (
        FakeSlack(bot_token="") as vendor,
        FakeSlack(bot_token="", team_id="T0ACME", domain="acme", bot_name="Desk", beside=vendor) as acme,
        opened(vendor, InMemoryKeyValueStore()) as installable,
    ):
        vendor.bot_url = acme.bot_url = f"{installable.url}/slack/events"
        bob, ann = vendor.person("Bob"), acme.person("Ann")
        triage, general = vendor.channel("triage", [bob]), acme.channel("general", [ann])
        for workspace in (acme, vendor):
            assert (await installable.install(workspace))[0] == 200
        yield SeveralWorkspaces(installable, vendor, acme, bob, ann, triage, general)
        await acme.settle()
        assert vendor.complaints == acme.complaints == []


async def test_a_command_is_answered_where_it_was_typed(several: SeveralWorkspaces) -> None:
    several.installable.desk.answer = Ask(FORM)
    for slack, who, where in (
        (several.acme, several.ann, several.general),
        (several.vendor, several.bob, several.triage),
    ):
        await slack.command(who, where, "/support")
        assert slack.modal_of(who) is not None
    actors = [heard.actor for heard in several.installable.desk.heard]
    assert [(actor.team, actor.user.home) for actor in actors] == [
        ("T0ACME", "T0ACME"),
        ("T0VENDOR", "T0VENDOR"),
    ]


async def test_a_channel_nobody_wrote_in_is_found_and_remembered(several: SeveralWorkspaces) -> None:
    """The desk's file names channels only."""
    place = Place("slack", several.general.id)
    said = await several.installable.ours.post(place, words("Hello."), None)
    assert await several.said_in(several.general, several.acme) == ["Hello."]
    tried = len(several.vendor.calls_to("chat.postMessage"))
    assert tried == 1, "home is asked first"
    await several.installable.ours.update(said, words("Hello again."))
    await several.installable.ours.post(place, words("And more."), None)
    assert len(several.vendor.calls_to("chat.postMessage")) == tried
    assert several.vendor.calls_to("chat.update") == []
    assert await several.said_in(several.general, several.acme) == ["Hello again.", "And more."]

    async with opened(several.vendor, several.installable.notes) as restarted:
        await restarted.ours.post(place, words("Still here."), None)
    assert len(several.vendor.calls_to("chat.postMessage")) == tried


async def test_a_channel_in_no_workspace_is_refused_for_good(several: SeveralWorkspaces) -> None:
    with pytest.raises(PermanentFailure, match="channel_not_found"):
        await several.installable.ours.post(Place("slack", "C0NOWHERE"), words("Hello?"), None)


async def test_a_workspace_that_is_slow_is_not_passed_over(several: SeveralWorkspaces) -> None:
    several.vendor.fail_next("chat.postMessage", status=429, retry_after=7)
    with pytest.raises(TemporaryFailure) as waits:
        await several.installable.ours.post(Place("slack", several.general.id), words("Hello."), None)
    assert waits.value.retry_after == 7
    assert await several.said_in(several.general, several.acme) == []


async def test_each_workspace_pays_for_its_own_countdowns(several: SeveralWorkspaces) -> None:
    places = [Place("slack", channel.id) for channel in (several.triage, several.general)]
    for place in places:
        await several.installable.ours.post(place, words("A card."), None)
    rate_limit_keys = [
        several.installable.ours.charges(place, MessageRef(place, "1"), Priority.COUNTDOWN)[-1].bucket
        for place in places
    ]
    assert ["T0VENDOR" in rate_limit_keys[0], "T0ACME" in rate_limit_keys[1]] == [True, True]


async def test_home_is_the_workspace_with_triage(several: SeveralWorkspaces) -> None:
    await several.installable.ours.post(Place("slack", several.triage.id), words("A ticket."), None)
    assert several.installable.ours.identity.team == "T0VENDOR"
    assert await several.said_in(several.triage, several.vendor) == ["A ticket."]
    assert several.acme.calls_to("chat.postMessage") == []


async def test_home_is_found_before_anything_was_said_there(several: SeveralWorkspaces) -> None:
    several.vendor.group("support", [several.bob])
    assert await several.installable.ours.members("S0SUPPORT") == {UserRef("slack", "T0VENDOR", "U0BOB")}
    assert several.acme.calls_to("usergroups.users.list") == []


async def test_a_person_is_written_to_where_they_are(several: SeveralWorkspaces) -> None:
    said = await several.installable.ours.post(UserRef("slack", "", "U0ANN"), words("For you."), None)
    assert [several.acme.text_of(m) for m in several.acme.dms(several.ann)] == ["For you."]
    await several.installable.ours.update(said, words("For you, Ann."))
    assert [several.acme.text_of(m) for m in several.acme.dms(several.ann)] == ["For you, Ann."]
    await several.installable.ours.post(UserRef("slack", "", "U0BOB"), words("Page."), None)
    assert [several.vendor.text_of(m) for m in several.vendor.dms(several.bob)] == ["Page."]
    assert several.acme.dms(several.ann)[0].edits == 1


async def test_channels_of_a_person_are_read_in_their_own_workspace(several: SeveralWorkspaces) -> None:
    assert await several.installable.ours.places_of(UserRef("slack", "T0VENDOR", "U0BOB")) == {
        Place("slack", several.triage.id)
    }


# --- a shared channel, with the app on both sides


@dataclass
class Shared:
    ours: Channel
    theirs: Channel


def shared(several: SeveralWorkspaces) -> Shared:
    """One channel under one id, with both bots in it."""
    several.vendor.workspace.users[several.ann.id] = several.ann
    several.acme.workspace.users[several.bob.id] = several.bob
    return Shared(
        several.vendor.channel("acme", [several.bob, several.ann], id="C0SHARED"),
        several.acme.channel("acme", [several.bob, several.ann], id="C0SHARED", ext_shared=True),
    )


async def test_in_a_shared_channel_home_speaks_though_the_other_side_was_heard(
    several: SeveralWorkspaces,
) -> None:
    both = shared(several)
    await several.acme.command(several.ann, both.theirs, "/support")
    await several.installable.ours.post(Place("slack", "C0SHARED"), words("Your ticket."), None)
    assert await several.said_in(both.ours, several.vendor) == ["Your ticket."]
    assert await several.said_in(both.theirs, several.acme) == []


async def test_in_a_shared_channel_an_agent_is_one_through_either_side(several: SeveralWorkspaces) -> None:
    """Slack delivers such a message once, through either installation."""
    both = shared(several)
    await several.installable.ours.post(Place("slack", "C0SHARED"), words("Your ticket."), None)
    await several.acme.say(several.bob, both.theirs, "We look into it.")
    await several.acme.say(several.ann, both.theirs, "Thank you.")
    first, second = several.installable.desk.heard
    assert isinstance(first, Posted)
    assert (first.actor.team, first.actor.user.home) == ("T0VENDOR", "T0VENDOR")
    assert (second.actor.team, second.actor.user.home) == ("T0VENDOR", "T0ACME")


# --- going away


async def test_an_uninstalled_workspace_gets_nothing_more(
    several: SeveralWorkspaces, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place("slack", several.general.id)
    await several.installable.ours.post(place, words("Hello."), None)
    assert (await several.acme.uninstall()).ok
    with pytest.raises(PermanentFailure, match="Frontline was uninstalled from Acme"):
        await several.installable.ours.post(place, words("Anybody?"), None)
    assert "the app was uninstalled" in capsys.readouterr().out
    [told] = await several.said_in(several.triage, several.vendor)
    assert "Frontline was uninstalled from Acme (T0ACME)" in told
    assert (await several.installable.stored("T0ACME")).token == ""

    assert (await several.installable.install(several.acme))[0] == 200
    await several.installable.ours.post(place, words("Back again."), None)
    assert await several.said_in(several.general, several.acme) == ["Hello.", "Back again."]


async def test_another_process_notices_it_at_the_next_call(several: SeveralWorkspaces) -> None:
    place = Place("slack", several.general.id)
    async with opened(several.vendor, several.installable.notes) as other:
        await other.ours.post(place, words("Hello."), None)
        await several.acme.uninstall()
        with pytest.raises(PermanentFailure, match="Frontline was uninstalled from Acme"):
            await other.ours.post(place, words("Anybody?"), None)


async def test_news_of_an_uninstallation_that_is_older_than_the_installation_is_void(
    several: SeveralWorkspaces,
) -> None:
    late = {"type": "event_callback", "team_id": "T0ACME", "event_time": 1, "event_id": "Ev1"}
    late |= {"authorizations": [{"team_id": "T0ACME", "enterprise_id": None, "is_enterprise_install": False}]}
    for event in ({"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["U0DESK"]}}):
        assert (await several.acme._bot_client.event(late | {"event": event})).ok
    assert not (await several.installable.stored("T0ACME")).gone


async def test_news_that_could_not_be_kept_comes_again(
    several: SeveralWorkspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(topic: str, key: str, value: str) -> None:
        monkeypatch.undo()
        raise RuntimeError("the database is away")

    monkeypatch.setattr(several.installable.notes, "put", broken)
    assert (await several.acme.uninstall()).ok
    assert [ack.status for ack in several.acme.acks if ack.kind == "app_uninstalled"] == [503, 200]
    assert (await several.installable.stored("T0ACME")).gone


async def test_a_malformed_uninstall_event_is_refused(several: SeveralWorkspaces) -> None:
    ack = await several.acme.event({"type": "tokens_revoked", "tokens": 7})
    assert (ack.status, ack.no_retry) == (400, True)


async def test_a_workspace_that_never_installed_is_answered_calmly(several: SeveralWorkspaces) -> None:
    async with FakeSlack(bot_token="", team_id="T0OTHER", domain="other", beside=several.vendor) as other:
        other.bot_url = several.vendor.bot_url
        eve = other.person("Eve")
        general = other.channel("general", [eve])
        reply = await other.command(eve, general, "/support")
        assert "Nothing was changed" in reply.shown
        await other.say(eve, general, "hello")
        assert several.installable.desk.heard == []


async def test_where_nobody_installed_it_messages_wait() -> None:
    async with FakeSlack(bot_token="") as slack, opened(slack, InMemoryKeyValueStore()) as installable:
        with pytest.raises(TemporaryFailure, match="no workspace has installed the app yet"):
            await installable.ours.post(Place("slack", "C0TRIAGE"), words("Hello?"), None)
        with pytest.raises(TemporaryFailure, match="no workspace has installed the app yet"):
            await installable.ours.members("S0SUPPORT")


# --- tokens that were renewed by another process


async def test_a_token_that_ended_is_read_again(several: SeveralWorkspaces) -> None:
    """This process did not look in time; another one renewed."""
    apps = several.vendor.apps
    apps.rotates = True
    await several.installable.install(several.acme)
    async with opened(several.vendor, several.installable.notes) as other:
        for hours in (11, 22):
            other.clock.ahead = timedelta(hours=hours)
            await other.refresh()
    stale = several.installable.workspaces._active["T0ACME"].api.token
    assert stale not in apps.grants
    await several.installable.ours.post(Place("slack", several.general.id), words("Hello."), None)
    assert await several.said_in(several.general, several.acme) == ["Hello."]


async def test_an_installation_of_another_process_is_known_at_its_first_request(
    several: SeveralWorkspaces,
) -> None:
    async with (
        opened(several.vendor, several.installable.notes) as elsewhere,
        FakeSlack(bot_token="", team_id="T0NEW", domain="new", beside=several.vendor) as new,
    ):
        assert (await elsewhere.install(new))[0] == 200
        new.bot_url = several.vendor.bot_url
        nia = new.person("Nia")
        several.installable.desk.answer = Show(words("Hello."))
        assert "Hello." in (await new.command(nia, new.channel("general", [nia]), "/support")).shown


# --- a whole organisation


@dataclass
class Grid:
    installable: InstallableDesk
    east: FakeSlack
    west: FakeSlack


@pytest.fixture
async def grid() -> AsyncIterator[Grid]:
    async with (
        FakeSlack(bot_token="", team_id="T0EAST", domain="east") as east,
        FakeSlack(bot_token="", team_id="T0WEST", domain="west", beside=east) as west,
        opened(east, InMemoryKeyValueStore()) as installable,
    ):
        east.bot_url = west.bot_url = f"{installable.url}/slack/events"
        for slack in (east, west):
            slack.workspace.org = ORG
        status, _ = await installable.install(east, enterprise=ORG, org_wide=[east.workspace, west.workspace])
        assert status == 302
        yield Grid(installable, east, west)
        assert east.complaints == west.complaints == []


async def test_an_organisations_workspaces_are_served_by_one_token(grid: Grid) -> None:
    wil, eva = grid.west.person("Wil"), grid.east.person("Eva")
    west = grid.west.channel("west", [wil])
    grid.installable.desk.answer = Ask(FORM)
    await grid.west.command(wil, west, "/support")
    assert grid.west.modal_of(wil) is not None
    await grid.east.say(eva, grid.east.channel("east", [eva]), "hello")
    command, posted = grid.installable.desk.heard
    assert isinstance(command, Command)
    assert (command.actor.team, posted.actor.team) == ("T0WEST", "T0EAST")
    await grid.installable.ours.post(command.place, words("Here."), None)
    assert [grid.west.text_of(m) for m in grid.west.messages(west)] == ["Here."]


async def test_what_needs_a_workspace_named_is_asked_with_it(grid: Grid) -> None:
    wil = grid.west.person("Wil")
    triage = grid.west.channel("triage", [wil])
    grid.west.group("support", [wil])
    ours = grid.installable.ours
    assert await ours.members("S0SUPPORT") == {UserRef("slack", "T0WEST", "U0WIL")}
    assert await ours.places_of(UserRef("slack", "T0WEST", "U0WIL")) == {Place("slack", triage.id)}


async def test_a_workspace_that_the_app_was_not_let_into_is_the_admins_to_mend(grid: Grid) -> None:
    grid.east.fail_next("chat.postMessage", error="team_access_not_granted")
    with pytest.raises(TemporaryFailure, match="team_access_not_granted"):
        await grid.installable.ours.post(Place("slack", "C0EAST"), words("Hello."), None)


def test_ids_tell_organisations_from_workspaces() -> None:
    from adapters.slack.workspaces.installation_store import Installation

    def made(id: str) -> Any:
        return Installation(id, "x", "xoxb-1", "U1", "B1", "frontline")

    assert made("E0MEGA").org_wide
    assert not made("T0ACME").org_wide


# --- one workspace, by the token of the environment


async def test_one_workspace_that_removed_the_app_is_the_operators_to_mend(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (await workspace.slack.uninstall()).ok
    assert "the app was uninstalled: install it again" in capsys.readouterr().out
    with pytest.raises(TemporaryFailure, match="account_inactive"):
        await workspace.ours.post(Place("slack", workspace.acme.id), words("Hello?"), None)
