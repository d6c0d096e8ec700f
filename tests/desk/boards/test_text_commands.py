"""Words for the desk, `list`, `status KEY`, `close KEY`, `oncall` and `help`, by whichever door they come."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.address import Actor, MessageRef, Place, UserRef
from bot.model.inbound import Answer, Ask, Command, Done, EntryPoint, Posted, Show
from bot.model.views import Audience, Link, Notice, QueueBoard, TicketCard
from bot.ports import PermanentFailure, TemporaryFailure
from tests.config.test_rotas import LAYERS, ROTATION
from tests.desk_file import entra
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DESK_FILE,
    S3,
    SILVER,
    TRIAGE,
    DeskInMemory,
    answer_text,
    done,
    form_of,
    open_desk,
    person,
)
from tests.platforms.desk_files import ON_TEAMS

FRIDAY = "2026-03-20T15:30:00Z"
DIRECT = Place("slack", "D0ALICE", direct=True)
LOUNGE = Place("slack", "C0LOUNGE")
STRANGER = person("Stranger", "T0OTHER")


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    """With one ticket of Acme's, and Alice in Acme's channel."""
    desk = await open_desk(tmp_path, FRIDAY)
    desk.chat.in_channels["U0ALICE"] = frozenset({ACME})
    await desk.submits(ALICE, "Bills are slow", S3)
    return desk


def card_view(answer: Answer) -> TicketCard:
    assert isinstance(answer, Show)
    assert isinstance(answer.view, TicketCard)
    return answer.view


def summary(answer: Answer) -> str:
    return str(next(field.value for field in form_of(answer).fields if field.id == "summary"))


async def says(desk: DeskInMemory, who: Actor, place: Place, text: str) -> Answer:
    """A message, as it is written."""
    ref = MessageRef(place, f"typed-{desk.envelope()}")
    return await desk.answers(Posted(desk.envelope(), desk.clock.now(), who, place, ref, text))


async def mentions(
    desk: DeskInMemory, who: Actor, place: Place, text: str, name: str = EntryPoint.MENTION
) -> Answer:
    ref = MessageRef(place, f"typed-{desk.envelope()}")
    return await desk.answers(Command(desk.envelope(), desk.clock.now(), who, place, name, text, ref))


@pytest.mark.parametrize(
    "title",
    [
        "close button broken",
        "close acme-1 please",
        "Close the case of ACME-1",
        "status page is down",
        "status of ACME-1",
        "status DOOR 12",
        "list view broken",
        "list account",
        "next",
        "next release is broken",
        "help us please",
        "close silverline-",
        "close acme-1-",
    ],
)
async def test_a_title_that_starts_like_a_command_opens_a_ticket(desk: DeskInMemory, title: str) -> None:
    assert summary(await desk.command(ALICE, ACME, title)) == title


@pytest.mark.parametrize("typed", ["status ACME-1", "Status acme-1", " status  acme-01. "])
async def test_status_shows_the_customers_card_to_them_alone(desk: DeskInMemory, typed: str) -> None:
    before = desk.heard()
    shown = card_view(await desk.command(ALICE, ACME, typed))
    assert (shown.key, shown.audience) == ("ACME-1", Audience.CUSTOMER)
    assert [button.label for button in shown.buttons][:2] == ["Why?", "Add details"]
    assert desk.heard() == before


async def test_agents_see_their_own_card_anywhere(desk: DeskInMemory) -> None:
    for place in (TRIAGE, ACME, LOUNGE, DIRECT):
        assert card_view(await desk.command(BOB, place, "status ACME-1")).audience is Audience.AGENTS


async def test_directly_it_is_shown_without_buttons_that_act_in_the_channel_only(desk: DeskInMemory) -> None:
    assert card_view(await says(desk, ALICE, DIRECT, "status ACME-1")).buttons == ()


@pytest.mark.parametrize("verb", ["status", "close"])
@pytest.mark.parametrize("place", [SILVER, LOUNGE, TRIAGE, DIRECT])
async def test_a_customer_cannot_see_or_close_tickets_of_others(
    desk: DeskInMemory, verb: str, place: Place
) -> None:
    answers = [
        answer_text(await desk.command(STRANGER, place, f"{verb} ACME-{number}")) for number in (1, 99)
    ]
    assert answers == [f"You cannot see ACME-{number} from here." for number in (1, 99)]
    assert await desk.events("ACME-1") == ["Opened"]


@pytest.mark.parametrize("place", [ACME, DIRECT])
async def test_close_acts_as_the_button_does(desk: DeskInMemory, place: Place) -> None:
    """It asks first while a promise runs."""
    form = form_of(await desk.command(ALICE, place, "close ACME-1"))
    assert (form.id, form.title, form.submit) == ("close", "Close ACME-1?", "Close")
    assert desk.card_view("ACME-1").state == "open"
    assert done(await desk.sends(ALICE, form))
    assert desk.card_view("ACME-1").state == "closed"
    assert desk.thread("ACME-1")[-1] == "ACME-1 Alice closed this ticket."
    assert answer_text(await desk.command(ALICE, place, "close ACME-1")) == "ACME-1 is already closed."


async def test_an_agent_gets_the_same_answer_as_from_the_button(desk: DeskInMemory) -> None:
    refused = "Until ACME-1 is resolved, only the customer can close it. Resolve it instead."
    assert answer_text(await desk.command(BOB, ACME, "close ACME-1")) == refused
    await desk.submits_form(BOB, "Resolve", "ACME-1", text="Faster now.")
    assert answer_text(await desk.command(BOB, ACME, "close ACME-1")) == "ACME-1 is closed."


async def test_nothing_is_closed_for_an_unidentified_person(desk: DeskInMemory) -> None:
    async def busy(user: object) -> frozenset[Place]:
        raise TemporaryFailure("busy")

    desk.chat.places_of = busy  # type: ignore[method-assign]
    assert "try again" in answer_text(await desk.command(ALICE, DIRECT, "close ACME-1"))
    assert await desk.events("ACME-1") == ["Opened"]


async def test_a_person_in_no_known_channel_is_directed_to_one(desk: DeskInMemory) -> None:
    async def unknown(user: object) -> frozenset[Place]:
        raise PermanentFailure("user_not_found")

    desk.chat.places_of = unknown  # type: ignore[method-assign]
    for text in ("Bills are slow", "list", "status ACME-1", "close ACME-1"):
        told = answer_text(await says(desk, ALICE, DIRECT, text))
        assert "in the channel that you share with us" in told
        assert "try again" not in told


async def test_list_shows_what_is_open(desk: DeskInMemory) -> None:
    for answer in (await desk.command(ALICE, ACME, "list"), await says(desk, ALICE, DIRECT, "List")):
        assert isinstance(answer, Show)
        assert isinstance(answer.view, QueueBoard)


@pytest.mark.parametrize("place", [TRIAGE, ACME, DIRECT])
async def test_oncall_shows_agents_who_is_on_call_and_until_when(tmp_path: Path, place: Place) -> None:
    """As a list, Bob and then Eve always; as a rotation, Eve in this week and Bob from Monday on."""
    lists = await open_desk(tmp_path, FRIDAY)
    before = lists.heard(place)
    said = answer_text(await lists.command(BOB, place, "oncall"))
    assert said.split("\n")[:3] == [
        "Escalate pages these people, one step at a time:",
        "First line: Bob, then Eve",
        "Second line: Eve, then Bob",
    ]
    assert lists.heard(place) == before, "the answer is private"

    without_list = DESK_FILE.replace('first_line = ["bob", "eve"]\n', "")
    rotation = await open_desk(tmp_path, FRIDAY, without_list + ROTATION)
    said = answer_text(await rotation.command(BOB, place, "oncall"))
    assert said.split("\n")[1] == "First line: Bob until Mon 23 Mar 08:00, then Eve"
    layers = await open_desk(tmp_path, "2026-03-21T22:30:00Z", without_list + LAYERS)
    said = answer_text(await layers.command(BOB, place, "oncall"))
    assert said.split("\n")[1] == "First line: Kim until Sun 22 Mar 02:00, then Kim from Sun 22 Mar 14:00"


async def test_customers_are_not_shown_who_is_on_call(desk: DeskInMemory) -> None:
    for answer in (await desk.command(ALICE, ACME, "oncall"), await says(desk, ALICE, DIRECT, "oncall")):
        told = answer_text(answer)
        assert told.startswith("Only agents see who is on call.")
        assert "Bob" not in told
    assert "oncall" not in answer_text(await desk.command(ALICE, ACME, "help"))
    assert "/support oncall shows who is on call" in answer_text(await desk.command(BOB, ACME, "help"))


async def test_help_says_what_can_be_done_and_offers_it(desk: DeskInMemory) -> None:
    answer = await desk.command(BOB, LOUNGE, "help")
    told = answer_text(answer)
    assert "/support status KEY" in told
    assert isinstance(answer, Show)
    assert isinstance(answer.view, Notice)
    assert [button.label for button in answer.view.buttons] == ["Get help"]
    external = answer_text(await mentions(desk, ALICE, ACME, "Help!"))
    assert "/support" not in external, "who has no commands is not told of them"
    assert "status KEY" in external


async def test_the_command_has_the_configured_name(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, FRIDAY, DESK_FILE.replace("[slack]", '[slack]\ncommand = "/acme-help"'))
    assert "/acme-help list" in answer_text(await desk.command(BOB, ACME, "help"))
    assert "/acme-help list" in answer_text(await desk.command(ALICE, ACME, "help")), (
        "whoever types it has it"
    )


async def test_platforms_without_commands_name_none(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, FRIDAY, ON_TEAMS, platforms=("teams",))
    bob = Actor(UserRef("teams", "tenant", entra("bob")), "tenant", "Bob")
    told = answer_text(await desk.command(bob, Place("teams", "19:acme@thread.tacv2"), "help"))
    assert "/support" not in told
    assert "status KEY" in told


async def test_the_same_words_by_mention_directly_and_after_support(desk: DeskInMemory) -> None:
    for answer in (
        await mentions(desk, ALICE, ACME, "status ACME-1"),
        await says(desk, ALICE, DIRECT, "status ACME-1"),
        await says(desk, ALICE, ACME, "support: status ACME-1"),
    ):
        assert card_view(answer).key == "ACME-1"


@pytest.mark.parametrize("door", [EntryPoint.REACTION, EntryPoint.SHORTCUT])
async def test_a_referenced_message_is_not_read_as_a_command(desk: DeskInMemory, door: EntryPoint) -> None:
    assert summary(await mentions(desk, ALICE, ACME, "close ACME-1", door)) == "close ACME-1"


async def test_text_addressed_to_the_desk_opens_a_ticket(desk: DeskInMemory) -> None:
    assert summary(await says(desk, ALICE, DIRECT, "Bills are slow")) == "Bills are slow"
    assert summary(await says(desk, ALICE, ACME, "Support: Bills are slow")) == "Bills are slow"
    for place, text in (
        (ACME, "Bills are slow"),
        (ACME, "supports: no"),
        (LOUNGE, "support: us at the match"),
    ):
        assert await says(desk, ALICE, place, text) == Done()


async def test_every_entry_point_offers_a_next_step_without_a_form(desk: DeskInMemory) -> None:
    for answer in (
        await desk.command(ALICE, ACME, "Bills are slow"),
        await mentions(desk, ALICE, ACME, "Bills are slow"),
        await says(desk, ALICE, DIRECT, "Bills are slow"),
    ):
        assert isinstance(answer, Ask)
        assert answer.fallback is not None
        assert [button.label for button in answer.fallback.buttons] == ["Get help", "Answer here"]


async def test_a_mention_in_a_tickets_thread_is_a_command(desk: DeskInMemory) -> None:
    card, now = desk.card("ACME-1").ref, desk.clock.now()

    async def asks(who: Actor, text: str, place: Place = ACME) -> Answer:
        act = Command(desk.envelope(), now, who, place, EntryPoint.MENTION, text, card)
        return await desk.answers(act)

    assert card_view(await asks(ALICE, "status ACME-1")).key == "ACME-1"
    assert isinstance(await asks(BOB, "list"), Show)
    assert answer_text(await asks(ALICE, "close ACME-1")) == (
        "We still have deadlines to meet on ACME-1. To close it anyway, press Close on its card."
    )
    await desk.submits_form(BOB, "Resolve", "ACME-1", text="Faster now.")
    assert answer_text(await asks(ALICE, "close ACME-1")) == "ACME-1 is closed."


@pytest.mark.parametrize("by", [ALICE, BOB])
async def test_a_closed_ticket_leads_to_the_card_that_its_reader_sees(desk: DeskInMemory, by: Actor) -> None:
    """In the card's own thread there is nothing to lead to."""
    desk.chat.links_begin = "https://chat.example"
    await desk.submits_form(BOB, "Resolve", "ACME-1", text="Faster now.")
    card = desk.card("ACME-1", Audience.CUSTOMER if by is ALICE else Audience.AGENTS).ref
    answer = await desk.command(by, DIRECT, "close ACME-1")
    assert isinstance(answer, Show)
    assert isinstance(answer.view, Notice)
    assert answer.view.text[-1] == Link(f"https://chat.example/{card.place.id}/{card.id}", "Open ACME-1")

    await desk.presses(ALICE, "Reopen", "ACME-1")
    await desk.submits_form(BOB, "Resolve", "ACME-1", text="Faster now.")
    root, now = desk.card("ACME-1").ref, desk.clock.now()
    below = Command(desk.envelope(), now, by, root.place, EntryPoint.MENTION, "close ACME-1", root)
    assert answer_text(await desk.answers(below)) == "ACME-1 is closed."


async def test_no_ticket_is_opened_in_a_tickets_thread(desk: DeskInMemory) -> None:
    card = desk.card("ACME-1").ref
    now = desk.clock.now()
    for name, text in (
        (EntryPoint.MENTION, "worse"),
        (EntryPoint.REACTION, "worse"),
        (EntryPoint.SHORTCUT, "worse"),
    ):
        answer = await desk.answers(Command(desk.envelope(), now, ALICE, ACME, name, text, card))
        assert isinstance(answer, Done if name is EntryPoint.MENTION else Show)
    await desk.writes(ALICE, "support: it is worse", "ACME-1")
    assert await desk.events("ACME-1") == ["Opened", "CustomerWrote"]


async def test_status_and_close_without_a_key_answer(desk: DeskInMemory) -> None:
    """The only ticket is shown, of several the list; nothing is closed unnamed."""
    assert card_view(await desk.command(ALICE, ACME, "status")).key == "ACME-1"
    assert "write for example “close ACME-1”" in answer_text(await desk.command(ALICE, ACME, "Close"))
    await desk.submits(ALICE, "Reports are slow", S3)
    for place in (ACME, DIRECT):
        shown = await desk.command(ALICE, place, "status")
        assert isinstance(shown, Show)
        assert isinstance(shown.view, QueueBoard)
        assert [row.key for section in shown.view.sections for row in section.rows] == ["ACME-1", "ACME-2"]
        assert answer_text(shown).startswith("To see one, write for example “status ACME-1”.")
    assert await desk.events("ACME-1") == ["Opened"]


async def test_in_a_tickets_thread_status_and_close_mean_that_ticket(desk: DeskInMemory) -> None:
    await desk.submits(ALICE, "Reports are slow", S3)
    card = desk.card("ACME-2").ref
    shown = await desk.answers(
        Command(desk.envelope(), desk.clock.now(), ALICE, ACME, EntryPoint.MENTION, "status", card)
    )
    assert card_view(shown).key == "ACME-2"
    refused = await desk.answers(
        Command(desk.envelope(), desk.clock.now(), ALICE, ACME, EntryPoint.MENTION, "close", card)
    )
    assert "We still have deadlines to meet on ACME-2" in answer_text(refused)


@pytest.mark.parametrize(
    "text",
    ["thanks!", "Thank you so much 🙏", "ok, great", "Danke!", "👍", ":tada: cheers", "Thx, works now"],
)
async def test_polite_words_in_a_direct_message_offer_no_ticket(desk: DeskInMemory, text: str) -> None:
    assert answer_text(await says(desk, ALICE, DIRECT, text)) == "You are welcome."


@pytest.mark.parametrize(
    "text",
    ["thanks, but it is down again", "it works not", "good", "thanks for nothing?", "ok 500 errors", "down"],
)
async def test_words_that_may_be_a_problem_offer_a_ticket(desk: DeskInMemory, text: str) -> None:
    assert isinstance(await says(desk, ALICE, DIRECT, text), Ask)
