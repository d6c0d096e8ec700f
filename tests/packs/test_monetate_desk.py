"""A desk that runs on Monetate's policy, as its customers and agents live it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.clock import parse_instant
from bot.model.address import Place
from bot.model.forms import OPENING, ChoiceField
from bot.model.inbound import Press
from bot.model.views import Audience, Notice
from bot.ports import Message, Priority
from sla_core.events import Opened
from tests.desk_file import account, desk_file
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    EVE,
    TRIAGE,
    DeskInMemory,
    answer_text,
    done,
    form_of,
    open_desk,
    person,
    rich_text,
)

DESK_FILE = desk_file(
    "monetate",
    rotas={"on_call": ["bob", "eve"], "leadership": ["mia"]},
    people=["bob", "eve", "mia"],
    accounts=[
        account(name="Acme Inc", plan="north-america", tam=None),
        account("brit", "Brit Ltd", "europe", None, "slack:C0BRIT"),
    ],
)
BRIT = Place("slack", "C0BRIT")
FRIDAY_EVENING = "2026-03-20T22:00:00Z"
"""18:00 in New York, 22:00 in London: both regions have closed for the week."""

IN_THE_FREEZE = "2026-11-25T15:00:00Z"

EMERGENCY = {"category": "error", "impact": "yes", "reason": "no"}
ORDINARY = {"category": "access", "impact": "no", "reason": "no"}
DEADLINE = EMERGENCY | {"reason": "deadline"}
BLOCKING = EMERGENCY | {"reason": "blocking"}

LABELS = ["Investigating", "Reproduced", "Escalated", "Root cause found", "Fix developed", "Fix deployed"]


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, FRIDAY_EVENING, DESK_FILE)


def next_news(desk: DeskInMemory, key: str) -> str:
    """When the customer's card promises the next news, in UTC."""
    (line,) = desk.card_view(key).promises
    assert line.due_at is not None
    return f"{line.due_at:%H:%M}"


async def breaches(desk: DeskInMemory, key: str) -> int:
    return (await desk.events(key)).count("Breached")


def milestones_offered(desk: DeskInMemory, key: str) -> list[str]:
    return [label for label in desk.labels(key, Audience.AGENTS) if label in LABELS]


# Ordinary requests --------------------------------------------------------------------------------


async def test_a_request_is_taken_in_on_friday_evening(desk: DeskInMemory) -> None:
    """MON-2, MON-4, complaint 19: accepted and confirmed, and the card shows that the clock waits."""
    key = await desk.submits(ALICE, "Cannot log in", ORDINARY)
    assert desk.standing(key) == ["paused until"]
    (line,) = desk.card_view(key).promises
    assert line.label == "First response (aim)"
    assert f"{line.due_at:%a %d %b %H:%M}" == "Mon 23 Mar 21:00"
    await desk.forward_to("2026-03-23T13:00:00Z")
    assert desk.standing(key) == ["less than 8 h left"]


async def test_the_region_is_the_plans(desk: DeskInMemory) -> None:
    """MON-3, A2: the European account by London's hours."""
    key = await desk.submits(ALICE, "Cannot log in", ORDINARY, BRIT)
    (line,) = desk.card_view(key).promises
    assert f"{line.due_at:%a %d %b %H:%M}" == "Mon 23 Mar 17:00"


async def test_a_receipt_is_no_answer(desk: DeskInMemory) -> None:
    """MON-15, MON-4, A24: the card confirms at once; only a person's words meet the promise."""
    key = await desk.submits(ALICE, "Cannot log in", ORDINARY)
    assert len(desk.heard(ACME)) == 1
    assert (await desk.ticket(key)).first_answer_at is None
    await desk.submits_form(BOB, "Reply", key, text="We have reset it.")
    assert desk.standing(key) == ["met"]


async def test_details_are_welcome_and_never_demanded(desk: DeskInMemory) -> None:
    """MON-5: the optional questions may be left alone, or filled in for the agents to read."""
    bare = await desk.submits(ALICE, "Wrong banner", ORDINARY)
    full = await desk.submits(ALICE, "Wrong banner", ORDINARY, area="experiences", where="shop.example/sale")
    facts = dict(desk.card_view(full, Audience.AGENTS).answers)
    assert facts["Which part of Monetate?"] == "Experiences"
    assert facts["Where does it show?"] == "shop.example/sale"
    assert "Where does it show?" not in dict(desk.card_view(bare, Audience.AGENTS).answers)


async def test_the_form_names_the_other_contacts_and_warns_before_it_is_sent(desk: DeskInMemory) -> None:
    """MON-6, MON-11: all of it stands in the form."""
    form = await desk.asks_for_help(ALICE)
    assert "support.monetate.com" in rich_text(form.intro)
    impact = next(f for f in form.fields if isinstance(f, ChoiceField) and f.id == "impact")
    assert "may switch off all Monetate services" in (impact.hint or "")


async def test_milestones_are_for_emergencies(desk: DeskInMemory) -> None:
    """MON-20: not offered on an ordinary ticket until it becomes an emergency."""
    key = await desk.submits(ALICE, "Cannot log in", ORDINARY)
    assert milestones_offered(desk, key) == []
    await desk.submits_form(BOB, "Change severity", key, severity="S1", text="The whole shop is affected.")
    assert milestones_offered(desk, key) == LABELS
    assert "Next update" in [line.label for line in desk.card_view(key).promises]


# Screening ----------------------------------------------------------------------------------------


async def test_a_deadline_pages_nobody_and_says_why(desk: DeskInMemory) -> None:
    """MON-10: opened as ordinary, with the reason and the way to say that it blocks the business."""
    form = await desk.asks_for_help(ALICE)
    told = answer_text(await desk.sends(ALICE, form, summary="Banner by 10 tomorrow", **DEADLINE))
    assert "Nobody was paged" in told
    assert "blocking our business now" in told
    assert desk.card_view("ACME-1").severity == "standard (proposed)"
    assert not any("Paged:" in text for text in desk.heard(TRIAGE))
    assert any(
        "the customer was told: Nobody was paged" in text for text in desk.thread("ACME-1", Audience.AGENTS)
    )


async def test_the_override_pages_and_is_on_record(desk: DeskInMemory) -> None:
    """MON-10: the screening set aside by the customer's word stands in the ticket's history."""
    key = await desk.submits(ALICE, "The sale starts and nothing shows", BLOCKING)
    assert desk.card_view(key).severity == "S1 (proposed)"
    opened = (await desk.ticket(key)).opened
    assert isinstance(opened, Opened)
    assert any("the answers override the screening" in note for note in opened.notes)
    triage = " ".join(desk.thread(key, Audience.AGENTS))
    assert "the answers override the screening" in triage
    assert "Paged: @Bob." in triage


# The season ---------------------------------------------------------------------------------------


async def test_the_form_names_the_peak_season_while_it_lasts(desk: DeskInMemory) -> None:
    """MON-31: one sentence above the questions, in the weeks around Thanksgiving only."""
    assert "Peak season" not in rich_text((await desk.asks_for_help(ALICE)).intro)
    await desk.forward_to("2026-11-09T05:00:00Z")
    intro = rich_text((await desk.asks_for_help(ALICE)).intro)
    assert intro.startswith(
        "Peak season: until the week after Cyber Monday, daily traffic may be three times"
    )
    assert "support.monetate.com" in intro


async def test_a_press_on_a_card_from_before_the_freeze_asks_as_well(desk: DeskInMemory) -> None:
    """MON-32: the desk decides at the press, whatever the card showed when it was drawn."""
    key = await desk.submits(ALICE, "Wrong banner", ORDINARY)
    await desk.forward_to(IN_THE_FREEZE)
    value = f"{key}|Fix developed"
    press = Press(desk.envelope(), desk.clock.now(), BOB, TRIAGE, None, "milestone", value)
    form = form_of(await desk.answers(press))
    assert (form.title, form.submit) == ("ACME-1 · Fix developed", "Fix developed")
    assert OPENING in form.context, "it counts once"
    assert done(await desk.sends(BOB, form, text="Orders are lost"))
    assert "You already sent this form" in answer_text(await desk.sends(BOB, form, text="Orders, still"))
    assert "It is urgent, so we are deploying it during our code freeze" in desk.thread(key)[-1]


async def test_a_lowered_emergency_is_not_urgent_by_itself(desk: DeskInMemory) -> None:
    """MON-32, A7: what counts is the severity at the press; raising it again makes the fix urgent."""
    await desk.forward_to(IN_THE_FREEZE)
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    await desk.submits_form(BOB, "Change severity", key, severity="standard", text="One page only.")
    assert milestones_offered(desk, key) == ["Fix developed"]
    form = form_of(await desk.presses(BOB, "Fix developed", key))
    await desk.submits_form(BOB, "Change severity", key, severity="S1", text="All pages after all.")
    assert done(await desk.presses(BOB, "Fix developed", key))
    again = form_of(await desk.sends(BOB, form, text="Orders are lost"))
    assert "has already been told" in again.errors["text"]
    assert again.fields[0].value == "Orders are lost"


async def test_a_deployment_day_is_shown_until_the_ticket_ends(desk: DeskInMemory) -> None:
    """MON-32: a plan, not a promise: nothing is due then, and a reopened ticket begins without it."""
    await desk.forward_to(IN_THE_FREEZE)
    key = await desk.submits(ALICE, "Wrong banner", ORDINARY)
    await desk.submits_form(BOB, "Fix developed", key, deploys_on="2026-12-07")
    assert dict(desk.card_view(key).facts)["Fix"] == "to be deployed on Mon 7 Dec 2026, after the code freeze"
    assert desk.standing(key) == ["met"]
    await desk.submits_form(BOB, "Resolve", key, text="The banner is right.")
    assert "Fix" not in dict(desk.card_view(key).facts)
    await desk.presses(ALICE, "Reopen", key)
    assert "Fix" not in dict(desk.card_view(key).facts)
    assert "Fix developed" in desk.labels(key, Audience.AGENTS)


# Emergencies --------------------------------------------------------------------------------------


async def test_an_emergency_at_night_is_confirmed_and_pages_at_once(desk: DeskInMemory) -> None:
    """MON-7, MON-13, MON-15, MON-16: the receipt and the page, before any person has done a thing."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    assert desk.heard(ACME)[0].startswith("ACME-1 Broken images everywhere [S1 (proposed)]")
    assert any(text.endswith("Paged: @Bob.") for text in desk.thread(key, Audience.AGENTS))
    assert dict(desk.card_view(key).facts)[""] == "We investigate this at once, 24/7"


@pytest.mark.parametrize("at", ["2026-03-18T15:00:00Z", "2026-11-26T15:00:00Z", "2027-12-31T03:00:00Z"])
async def test_the_page_is_the_same_by_day_and_on_a_closed_day(tmp_path: Path, at: str) -> None:
    """MON-8, MON-29, MON-30, A4: at 11:00 on a Wednesday, on Thanksgiving, at the year's end."""
    desk = await open_desk(tmp_path, at, DESK_FILE)
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    assert any(
        "S1 for Acme Inc: Broken images everywhere." in text for text in desk.thread(key, Audience.AGENTS)
    )
    assert desk.standing(key) == ["less than 1 h left"]


async def test_no_first_answer_is_counted_down(desk: DeskInMemory) -> None:
    """MON-18, A5: no number is promised, so none is shown; the hourly news is, and it is no mere aim."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    assert [line.label for line in desk.card_view(key).promises] == ["Next update"]
    assert next_news(desk, key) == "23:00"


@pytest.mark.parametrize(
    ("place", "number", "other"),
    [(ACME, "855-222-6134", "+44 1425 600052"), (BRIT, "+44 1425 600052", "855-222-6134")],
)
async def test_the_emergency_contact_of_the_region(
    desk: DeskInMemory, place: Place, number: str, other: str
) -> None:
    """MON-14: shown to the person who opens one and on its card; not on ordinary tickets."""
    form = await desk.asks_for_help(ALICE, place)
    told = answer_text(await desk.sends(ALICE, form, summary="Broken images", **EMERGENCY))
    (key,) = await desk.keys()
    card = dict(desk.card_view(key).facts)["Emergency contact"]
    for text in (told, card):
        assert number in text
        assert "emergencysupport@monetate.com" in text
        assert other not in text
    form = await desk.asks_for_help(ALICE, place)
    assert done(await desk.sends(ALICE, form, summary="Cannot log in", **ORDINARY))
    (newer,) = set(await desk.keys()) - {key}
    assert "Emergency contact" not in dict(desk.card_view(newer).facts)


async def test_anyone_may_report_an_emergency(desk: DeskInMemory) -> None:
    """MON-12: a guest from elsewhere, and the vendor's own people for the customer."""
    guest = person("Gil", "T0AGENCY")
    key = await desk.submits(guest, "Broken images", EMERGENCY)
    assert desk.card_view(key).severity == "S1 (proposed)"
    for_them = await desk.submits(BOB, "Broken images", EMERGENCY)
    assert desk.card_view(for_them).severity == "S1 (proposed)"
    assert (await desk.ticket(for_them)).opened.by_agent


async def test_seeing_the_page_is_not_investigating(desk: DeskInMemory) -> None:
    """MON-17: Acknowledge tells the customer nothing; Investigating is the human notice."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    before = desk.thread(key)
    await desk.fast_forward(minutes=20)
    await desk.presses(BOB, "Acknowledge", key)
    assert (await desk.ticket(key)).first_answer_at is None
    assert desk.thread(key) == before
    assert next_news(desk, key) == "23:00"
    await desk.presses(BOB, "Investigating", key)
    assert (await desk.ticket(key)).first_answer_at == parse_instant("2026-03-20T22:20:00Z")
    investigating = "ACME-1 Investigating (Bob): We are actively investigating this now. @Alice"
    assert desk.thread(key)[-1] == investigating
    assert next_news(desk, key) == "23:20"


async def test_every_message_to_the_customer_restarts_the_hour(desk: DeskInMemory) -> None:
    """MON-25: a milestone, an update, a reply; not a fixed grid of hours."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    await desk.fast_forward(minutes=40)
    await desk.presses(BOB, "Investigating", key)
    assert next_news(desk, key) == "23:40"
    await desk.fast_forward(minutes=50)
    await desk.submits_form(BOB, "Update", key, text="The image servers are being moved.")
    assert next_news(desk, key) == "00:30"
    await desk.fast_forward(minutes=59)
    await desk.submits_form(EVE, "Reply", key, text="Could you try the start page?")
    assert next_news(desk, key) == "01:29"
    assert await breaches(desk, key) == 0


async def test_what_the_customer_does_not_hear_starts_no_hour(desk: DeskInMemory) -> None:
    """MON-25, complaint 15: Take it, Escalate and the customer's own words are no news."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    await desk.fast_forward(minutes=30)
    await desk.presses(BOB, "Take it", key)
    await desk.submits_form(BOB, "Escalate", key, text="I need more hands.")
    await desk.writes(ALICE, "Any news?", key)
    assert next_news(desk, key) == "23:00"


async def test_an_hour_of_silence_is_a_breach_and_the_next_hour_counts_again(desk: DeskInMemory) -> None:
    """MON-25: a warning after 45 minutes, the breach at 60, and each silent hour after it is one more."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    await desk.fast_forward(minutes=45)
    assert (await desk.events(key)).count("Warned") == 1
    await desk.fast_forward(minutes=15)
    assert await breaches(desk, key) == 1
    assert desk.standing(key) == ["less than 1 h left"]
    assert desk.card_view(key).promises[0].note == "missed once since our last message"
    await desk.fast_forward(hours=3)
    assert await breaches(desk, key) == 4
    assert desk.card_view(key).promises[0].note == "missed 4 times since our last message"
    await desk.presses(BOB, "Reproduced", key)
    assert desk.standing(key) == ["less than 1 h left"]
    assert desk.card_view(key).promises[0].note is None
    await desk.fast_forward(minutes=60)
    assert await breaches(desk, key) == 5


async def test_each_milestone_is_told_to_the_customer(desk: DeskInMemory) -> None:
    """MON-17, MON-20, MON-21, MON-22, MON-23, MON-24: one press each, and the button is gone."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    assert milestones_offered(desk, key) == LABELS
    for label in LABELS:
        await desk.fast_forward(minutes=10)
        await desk.presses(BOB, label, key)
        assert desk.thread(key)[-1].startswith(f"ACME-1 {label} (Bob): ")
        assert desk.thread(key)[-1].endswith(" @Alice")
    assert milestones_offered(desk, key) == ["Escalated"]
    assert await breaches(desk, key) == 0


async def test_escalated_may_be_told_again(desk: DeskInMemory) -> None:
    """MON-21: if or when any further people are brought in; each time begins an hour."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    for _ in range(2):
        await desk.fast_forward(minutes=20)
        await desk.presses(BOB, "Escalated", key)
    told = [text for text in desk.thread(key) if "Escalated (Bob):" in text]
    assert len(told) == 2
    assert next_news(desk, key) == "23:40"


async def test_the_deployed_fix_ends_the_hourly_news(desk: DeskInMemory) -> None:
    """MON-24, MON-25: nothing more falls due, even after further messages."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    await desk.fast_forward(minutes=55)
    await desk.presses(BOB, "Fix deployed", key)
    assert desk.standing(key) == []
    await desk.submits_form(BOB, "Reply", key, text="All images load again.")
    await desk.fast_forward(days=3)
    assert desk.standing(key) == []
    assert await breaches(desk, key) == 0


async def test_closing_or_resolving_ends_it_too(desk: DeskInMemory) -> None:
    """MON-25: until the fix is deployed or the ticket has come to its end."""
    solved = await desk.submits(ALICE, "Broken images", EMERGENCY)
    dropped = await desk.submits(ALICE, "Broken images, again", EMERGENCY)
    await desk.submits_form(BOB, "Resolve", solved, text="It was our image server.")
    await desk.submits_form(ALICE, "Close", dropped)
    await desk.fast_forward(days=1)
    assert [await breaches(desk, key) for key in (solved, dropped)] == [0, 0]


async def test_leadership_is_next_at_any_hour(desk: DeskInMemory) -> None:
    """MON-18, MON-21: an agent's Escalate calls the next step at once, on a Friday night."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    form = form_of(await desk.presses(BOB, "Escalate", key))
    await desk.sends(BOB, form, text="Nobody from infrastructure answers.")
    assert any("Paged leadership: @Mia." in text for text in desk.thread(key, Audience.AGENTS))


async def test_disabling_services_moves_no_clock_and_needs_a_reason(desk: DeskInMemory) -> None:
    """MON-11, MON-25: it is no news about the work and stops no page. A second one is refused."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    form, of_eve = [form_of(await desk.presses(who, "Services disabled", key)) for who in (BOB, EVE)]
    again = form_of(await desk.sends(BOB, form, text=" "))
    assert again.errors == {"text": "Please say why. The customer will see it."}
    assert done(await desk.sends(BOB, again, text="The tag breaks the checkout"))
    assert next_news(desk, key) == "23:00"
    assert (await desk.ticket(key)).first_answer_at is None
    assert (await desk.ticket(key)).paging_answered_by is None

    twice = form_of(await desk.sends(EVE, of_eve, text="So do the images"))
    assert twice.errors == {"text": "Bob has already disabled the services."}
    assert twice.fields[0].value == "So do the images"
    mended, of_eve = [form_of(await desk.presses(who, "Services enabled", key)) for who in (BOB, EVE)]
    assert done(await desk.sends(BOB, mended, text="The tag is mended"))
    late = form_of(await desk.sends(EVE, of_eve, text="Mended"))
    assert late.errors == {"text": "The services are not disabled. Your text is still in the form."}


async def test_only_agents_disable_services(desk: DeskInMemory) -> None:
    """MON-11: no customer can, and no mitigation is theirs to record (MON-34)."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    for label in ("Services disabled", "Internet routing"):
        told = answer_text(await desk.presses(ALICE, label, key))
        assert told == f"Only agents of Monetate Support can do that on {key}."


async def test_a_mitigation_that_never_reached_the_customer_was_not_told(desk: DeskInMemory) -> None:
    """MON-34: it is offered again, and triage reads why."""
    key = await desk.submits(ALICE, "Broken images everywhere", EMERGENCY)
    await desk.presses(BOB, "Internet routing", key)
    assert "Internet routing" not in desk.labels(key, Audience.AGENTS)
    seq = (await desk.ticket(key)).version
    lost = Message(f"{key}/{seq}/customer/said", key, ACME, Notice(()), Priority.REPLY, effect=seq)
    await desk.desk.record_undelivered(lost, "is_archived")
    await desk.deliver()
    assert "Internet routing" in desk.labels(key, Audience.AGENTS)
    assert any("Not delivered: Bob's update" in text for text in desk.thread(key, Audience.AGENTS))
