"""Emergencies, code freezes, the peak season and account managers, as people on Slack and Teams see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from bot.model.views import Audience
from sla_core.events import Answered, Notified, ServicesDisabled, ServicesEnabled
from tests.desk_file import TEAMS, TEAMS_ACME, account, desk_file
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import OpenWorkplace
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams
from tests.platforms.open_forms import Dialog, Modal
from tests.platforms.story import KEY, Story, open_story
from tests.platforms.workplace import Answers

CHATS = ("slack", "teams")
EMERGENCY: Answers = {"category": "error", "impact": "yes", "reason": "no"}
ORDINARY: Answers = {"category": "error", "impact": "no", "reason": "no"}
BEFORE_THE_SEASON = "2026-11-06T15:00:00Z"
IN_THE_FREEZE = "2026-11-25T15:00:00Z"
TUESDAY = "2026-03-10T06:30:00Z"

OpenStory = Callable[..., Awaitable[Story]]


def desk_on(platform: str, vendor: str, plan: str, rotas: dict[str, Sequence[str]]) -> str:
    if platform == "slack":
        return desk_file(vendor, rotas=rotas, accounts=[account(plan=plan)])
    acme = account(plan=plan, channel=f"teams:{TEAMS_ACME}")
    return desk_file(vendor, chats=[TEAMS], platforms=["teams"], rotas=rotas, accounts=[acme])


@pytest.fixture
def monetate(open_workplace: OpenWorkplace, tmp_path: Path) -> OpenStory:
    """A desk of Monetate's with a ticket of Alice's."""

    async def on(name: str, answers: Answers, at: str = TUESDAY) -> Story:
        file = desk_on(name, "monetate", "europe", {"on_call": ["bob"], "leadership": ["mia"]})
        return await opened(open_workplace, tmp_path, name, file, answers, at)

    return on


@pytest.fixture
def commerceup(open_workplace: OpenWorkplace, tmp_path: Path) -> OpenStory:
    async def on(name: str) -> Story:
        file = desk_on(name, "commerceup", "standard", {"support": ["bob"], "engineering": ["kim"]})
        file = file.replace('id = "dana"', 'id = "dana"\nemail = "dana@commerceup.example"')
        answers = {"type": "issue", "impact": "standard"}
        return await opened(open_workplace, tmp_path, name, file, answers, TUESDAY)

    return on


async def opened(
    open_workplace: OpenWorkplace, folder: Path, name: str, file: str, answers: Answers, at: str
) -> Story:
    clock, store = HeldClock(at), MemoryStore()
    workplace = await open_workplace(name, clock, store)
    desk = await open_story(folder, file, clock, store, [workplace])
    desk.desk.key_values = store
    if isinstance(workplace, OnSlack):
        # The form of an emergency stays open, with the emergency contact.
        person = workplace.people["Alice"]
        await workplace.slack.command(person, workplace.acme, "/support", "The shop is slow")
        assert not (await workplace.slack.submit(person, answers)).errors
        await desk.deliver()
    else:
        await desk.opens("Alice", "The shop is slow", answers)
    return desk


async def form_behind(desk: Story, label: str) -> Modal | Dialog:
    """The form that Bob gets behind a button of the agents' card."""
    workplace, card = desk.agents, desk.card(Audience.AGENTS)
    if isinstance(workplace, OnSlack):
        await workplace.slack.press(workplace.people["Bob"], workplace.message(card), label)
        return Modal(workplace, "Bob")
    assert isinstance(workplace, OnTeams)
    where = workplace.microsoft.sent_cards[card.id].conversation
    return Dialog(workplace, "Bob", card.id, where, await workplace.opens_dialog("Bob", label, card))


def cards(desk: Story) -> list[str]:
    return [desk.card_view(audience).words for audience in Audience]


async def last_answer(desk: Story) -> Answered:
    event = (await desk.desk.ticket(KEY)).history[-1]
    assert isinstance(event, Answered)
    return event


# Disabled services ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHATS)
async def test_disabled_services_are_told_shown_and_on_record(monetate: OpenStory, name: str) -> None:
    """MON-11: the customer, triage and the TAM read it; both cards show it until they are enabled again."""
    desk = await monetate(name, EMERGENCY)
    labels = desk.card_view(Audience.AGENTS).labels
    assert "Services disabled" in labels
    assert "Services enabled" not in labels

    await desk.agent("Services disabled", "The tag breaks the checkout")

    told = "ACME 1 Bob has switched our services off for you for now The tag breaks the checkout"
    assert desk.words("/customer/")[-1] == f"{told} We will tell you here when they are on again Alice"
    ours = "ACME 1 Bob disabled the customer s services The tag breaks the checkout"
    assert desk.words("/triage/")[-1] == ours
    (dm,) = desk.told("/dm/dana")
    assert dm.words.startswith(ours)
    assert dm.labels == ("Acknowledge", "I'll call", "Delegate", "Snooze")
    assert all("Services disabled by Bob The tag breaks the checkout" in words for words in cards(desk))
    assert "Bob disabled the services" in desk.card_view(Audience.AGENTS).words
    labels = desk.card_view(Audience.AGENTS).labels
    assert "Services enabled" in labels
    assert "Services disabled" not in labels

    await desk.agent("Services enabled", "The tag is mended")

    assert desk.words("/customer/")[-1] == (
        "ACME 1 Bob has switched our services on for you again The tag is mended Alice"
    )
    again = "ACME 1 Bob enabled the customer s services again The tag is mended"
    assert desk.words("/triage/")[-1] == again
    assert desk.words("/dm/dana")[-1].startswith(again)
    assert not any("disabled by Bob" in words for words in cards(desk))
    kinds = [type(event) for event in (await desk.desk.ticket(KEY)).history]
    assert kinds[-4:] == [ServicesDisabled, Notified, ServicesEnabled, Notified]


@pytest.mark.parametrize("name", CHATS)
async def test_services_can_be_enabled_on_a_resolved_ticket(monetate: OpenStory, name: str) -> None:
    """MON-11: nothing hides that they are still disabled."""
    desk = await monetate(name, EMERGENCY)
    await desk.agent("Services disabled", "The tag breaks the checkout")
    await desk.agent("Resolve", "The shop sells again.")
    assert desk.card_view(Audience.AGENTS).labels == ("Close", "Reopen", "Services enabled", "Why?")
    await desk.agent("Services enabled", "The tag is mended")
    assert desk.card_view(Audience.AGENTS).labels == ("Close", "Reopen", "Why?")


@pytest.mark.parametrize("name", CHATS)
async def test_an_ordinary_ticket_disables_nothing(monetate: OpenStory, name: str) -> None:
    """MON-11, MON-34: no button without a rule behind it."""
    desk = await monetate(name, ORDINARY)
    labels = desk.card_view(Audience.AGENTS).labels
    assert not {"Services disabled", "Services enabled", "Internet routing"} & {*labels}


# Milestones -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHATS)
async def test_each_milestone_tells_the_customer(monetate: OpenStory, name: str) -> None:
    """MON-20, MON-21, MON-22, MON-23, MON-24: with who did it, and a mention; only Escalated comes again."""
    desk = await monetate(name, EMERGENCY)
    told = ("Reproduced", "Escalated", "Root cause found", "Fix developed", "Fix deployed")
    for label in told:
        await desk.agent(label)
        words = desk.words("/customer/")[-1]
        assert words.startswith(f"ACME 1 {label} Bob ")
        assert words.endswith(" Alice")
    assert {*told} & {*desk.card_view(Audience.AGENTS).labels} == {"Escalated"}


# Mitigations ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHATS)
async def test_mitigations_are_offered_in_order_and_told(monetate: OpenStory, name: str) -> None:
    """MON-34, MON-25: each press is an update to the customer, which begins the next hour."""
    desk = await monetate(name, EMERGENCY)
    steps = ("Internet routing", "Server allocation", "Other actions")
    assert desk.card_view(Audience.AGENTS).labels[-3:] == steps

    await desk.wait(minutes=30)
    await desk.agent("Internet routing")

    changed = "We changed the internet routing your traffic now reaches us through another carrier"
    assert desk.words("/customer/")[-1] == f"ACME 1 Update from Bob {changed} Alice"
    assert desk.words("/triage/")[-1].endswith("Mitigation Internet routing")
    assert desk.card_view(Audience.AGENTS).labels[-2:] == steps[1:]
    assert "Bob sent an update Internet routing" in desk.card_view(Audience.AGENTS).words
    assert "less than 1 h left" in desk.card_view(Audience.CUSTOMER).text


@pytest.mark.parametrize("name", CHATS)
async def test_a_mitigation_out_of_order_is_done_and_recorded(monetate: OpenStory, name: str) -> None:
    """MON-34: the order is a suggestion. What was passed over stays on offer."""
    desk = await monetate(name, EMERGENCY)
    await desk.agent("Server allocation")
    assert desk.words("/triage/")[-1].endswith(
        "The policy asks for Internet routing first it was not recorded as done"
    )
    done = await last_answer(desk)
    assert (done.mitigation, done.skipped) == ("Server allocation", ("Internet routing",))
    assert "Server allocation before Internet routing" in desk.card_view(Audience.AGENTS).words
    assert desk.card_view(Audience.AGENTS).labels[-2:] == ("Internet routing", "Other actions")
    for _ in range(2):
        await desk.agent("Other actions")
    assert desk.card_view(Audience.AGENTS).labels[-2:] == ("Internet routing", "Other actions")


# The code freeze ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHATS)
async def test_an_emergency_s_fix_goes_through_a_freeze(monetate: OpenStory, name: str) -> None:
    """MON-32, A7: S1 is urgent by itself, and the record says so."""
    desk = await monetate(name, EMERGENCY, IN_THE_FREEZE)
    await desk.agent("Fix developed")
    assert "We have a fix and are deploying it" in desk.words("/customer/")[-1]
    assert (await last_answer(desk)).urgent == "S1"
    assert "Fix developed urgent during the code freeze S1" in desk.card_view(Audience.AGENTS).words


@pytest.mark.parametrize("name", CHATS)
async def test_an_ordinary_fix_in_a_freeze_needs_a_reason(monetate: OpenStory, name: str) -> None:
    """MON-32, A7: the customer reads why it is deployed all the same."""
    desk = await monetate(name, ORDINARY, IN_THE_FREEZE)
    assert "Code freeze through Sun 6 Dec 2026 only urgent fixes" in desk.card_view(Audience.AGENTS).words
    await desk.agent("Fix developed", "Orders are lost without it")
    assert desk.words("/customer/")[-1] == (
        "ACME 1 Fix developed Bob We have a fix and are deploying it"
        " It is urgent so we are deploying it during our code freeze Orders are lost without it Alice"
    )
    assert (await last_answer(desk)).urgent == "Orders are lost without it"
    assert "Fix developed" not in desk.card_view(Audience.AGENTS).labels


@pytest.mark.parametrize("name", CHATS)
async def test_or_a_day_after_the_freeze(monetate: OpenStory, name: str) -> None:
    """MON-32, A7: one of the two, a real day, and none inside the freeze; what was typed stays."""
    desk = await monetate(name, ORDINARY, IN_THE_FREEZE)
    form = await form_behind(desk, "Fix developed")
    assert "There is a code freeze through Sun 6 Dec 2026" in await form.sends()
    assert "either why it is urgent or when" in await form.sends(text="Because", deploys_on="2026-12-08")
    assert "is not a date. Please write it like 2026-12-07." in await form.sends(text="", deploys_on="soon")
    assert "Please choose Mon 7 Dec 2026 or a later day." in await form.sends(deploys_on="2026-12-06")
    assert await desk.events() == ["Opened"]

    await form.sends(deploys_on="2026-12-08")
    await desk.deliver()

    assert desk.words("/customer/")[-1] == (
        "ACME 1 Fix developed Bob We have a fix Our code freeze allows only urgent ones"
        " so we will deploy it on Tue 8 Dec 2026 Alice"
    )
    assert all("to be deployed on Tue 8 Dec 2026 after the code freeze" in words for words in cards(desk))


@pytest.mark.parametrize("name", CHATS)
async def test_without_a_freeze_an_ordinary_ticket_has_no_milestone(monetate: OpenStory, name: str) -> None:
    """MON-32, MON-20: on the day on which it ends, the button is gone."""
    desk = await monetate(name, ORDINARY, "2026-12-07T06:00:00Z")
    assert "Fix developed" not in desk.card_view(Audience.AGENTS).labels
    assert "Code freeze" not in desk.card_view(Audience.AGENTS).words


# The peak season ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHATS)
async def test_the_peak_season_is_on_the_card_and_in_no_promise(monetate: OpenStory, name: str) -> None:
    """MON-31: one sentence, from the first day to the last."""
    season = "Peak season until the week after Cyber Monday"
    desk = await monetate(name, EMERGENCY, IN_THE_FREEZE)
    assert season in desk.card_view(Audience.CUSTOMER).words
    assert season not in desk.card_view(Audience.AGENTS).words
    assert "less than 1 h left" in desk.card_view(Audience.CUSTOMER).text
    quiet = await monetate(name, EMERGENCY, BEFORE_THE_SEASON)
    assert season not in quiet.card_view(Audience.CUSTOMER).words


# Account managers -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHATS)
async def test_the_account_manager_hears_at_once_and_can_be_reached(commerceup: OpenStory, name: str) -> None:
    """CUP-15: a direct message with buttons; the customer's card names them, with their address."""
    desk = await commerceup(name)
    (dm,) = desk.told("/dm/dana")
    assert dm.words.startswith(
        "ACME 1 A new ticket was opened You are the customer s account manager so they may turn to you first"
        " Acme GmbH C3 The shop is slow"
    )
    assert dm.labels == ("Acknowledge", "I'll call", "Delegate", "Snooze")
    card = desk.card_view(Audience.CUSTOMER)
    assert "Your account manager Dana dana commerceup example" in card.words
    mentioned = [token for token in card.live if desk.customers.user("Dana").id in token]
    assert mentioned == [], "the direct message is her one notice"
    assert "Your account manager" not in desk.card_view(Audience.AGENTS).words

    assert "Acknowledged ACME-1." in await desk.tam("Acknowledge")
    assert desk.told("/dm/dana")[-1].labels == ("I'll call", "Delegate", "Snooze")
    await desk.agent("Resolve", "It is fast again.")
    assert desk.words("/dm/dana")[-1].startswith("ACME 1 Bob resolved this ticket It is fast again")
