"""Pages that are answered (contract.md, Paging): who is paged when, by which messages, and what ends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.address import Actor
from bot.model.forms import ChoiceField
from bot.model.inbound import Answer
from bot.model.views import Audience, Button, Notice
from sla_core.events import PageAccepted
from tests.desk_file import account, desk_file, entra
from tests.harness import (
    ALICE,
    BOB,
    DANA,
    EVE,
    S1,
    S2,
    DeskInMemory,
    PostedMessage,
    answer_text,
    done,
    form_of,
    open_desk,
    person,
)
from tests.journeys.conftest import OpenDesk, a_desk
from tests.packs import test_monta as monta

__all__ = ["a_desk"]

KIM, MIA, LEE = person("Kim"), person("Mia"), person("Lee")
NO_OWNER = "Nobody owns ACME-1 yet: to take it, press Take it on its card."
TIMELINE = {"first_line": ["bob", "eve"], "leadership": ["mia"]}
"""Of contract.md: Bob, Eve, then Mia."""


def paged(desk: DeskInMemory, *people: Actor) -> dict[str, list[PostedMessage]]:
    """The pages to each person, as direct messages."""
    return {who.name: [m for m in desk.direct(who) if m.key and "/page" in m.key] for who in people}


def labels(message: PostedMessage) -> list[str]:
    assert isinstance(message.view, Notice)
    return [button.label for button in message.view.buttons]


async def presses(desk: DeskInMemory, actor: Actor, label: str, number: int = -1) -> Answer:
    """A button on one of the pages to the actor; the newest unless another is named."""
    message = paged(desk, actor)[actor.name][number]
    assert isinstance(message.view, Notice)
    buttons = {button.label: button for button in message.view.buttons}
    return await desk.presses_on(actor, message, buttons[label])


async def changes_severity(desk: DeskInMemory, actor: Actor, key: str) -> Answer:
    """Wherever its label stands on the agents' card."""
    return await desk.presses_on(actor, desk.card(key, Audience.AGENTS), Button("severity", "", key))


async def emergency(a_desk: OpenDesk, rotas: dict[str, list[str]] = TIMELINE) -> tuple[DeskInMemory, str]:
    desk = await a_desk(desk_file=desk_file(rotas=rotas))
    return desk, await desk.submits(ALICE, "All is down", S1)


async def test_the_timeline_of_the_contract(a_desk: OpenDesk) -> None:
    """MON-18: 0 Bob, 5 Bob, 10 Eve, 15 Eve, 20 Mia, 25 Mia, then Mia and the TAM until somebody answers."""
    desk, key = await emergency(a_desk)
    start, heard = desk.clock.now(), []
    await desk.fast_forward(minutes=40)
    for page in (await desk.ticket(key)).pages:
        if page.person is not None:
            heard.append(f"{int((page.at - start).total_seconds() / 60)} {page.person}")
    assert heard == [
        *("0 bob", "5 bob", "10 eve", "15 eve", "20 mia", "25 mia"),
        *("30 mia", "30 dana", "35 mia", "35 dana", "40 mia", "40 dana"),
    ]
    counts = {name: len(pages) for name, pages in paged(desk, BOB, EVE, MIA, DANA).items()}
    assert counts == {"Bob": 2, "Eve": 2, "Mia": 5, "Dana": 3}
    ends = [f"Paged{text.partition(' Paged')[2]}" for text in desk.thread(key, Audience.AGENTS)]
    assert ends[:6] == [
        *("Paged: @Bob.", "Paged again (2 of 2): @Bob."),
        *("Paged: @Eve.", "Paged again (2 of 2): @Eve."),
        *("Paged leadership: @Mia.", "Paged leadership again (2 of 2): @Mia."),
    ]
    assert ends[6:10] == ["Paged: @Mia.", "Paged: @Dana.", "Paged again: @Mia.", "Paged again: @Dana."]
    assert len(ends) == 12
    assert [page.text[:44] for page in paged(desk, BOB)["Bob"]] == [
        "ACME-1 S1 for Acme GmbH: All is down. Report",
        "ACME-1 You are paged again (2 of 2). S1 for ",
    ]


async def test_a_page_says_what_for_whom_since_when_and_by_when(a_desk: OpenDesk) -> None:
    desk, key = await emergency(a_desk)
    (page,) = paged(desk, BOB)["Bob"]
    says = "Reported Fri 20 Mar 15:30; first response is due Fri 20 Mar 16:30."
    assert page.text.startswith(f"{key} S1 for Acme GmbH: All is down. {says}")
    assert "Its card" in page.text, "one link"
    assert labels(page) == ["Acknowledge", "I'll call", "Delegate", "Snooze"]
    assert desk.thread(key, Audience.AGENTS)[0] == f"{key} S1 for Acme GmbH: All is down. {says} Paged: @Bob."


@pytest.mark.parametrize(
    ("label", "told", "noted", "ends"),
    [
        (
            "Acknowledge",
            "Acknowledged, so nobody else is paged now. " + NO_OWNER,
            "acknowledged the page.",
            "Bob has this ticket.",
        ),
        (
            "I'll call",
            "Nobody else is paged now. We told the agents that you will call the customer. " + NO_OWNER,
            "will call the customer.",
            "Bob will call the customer.",
        ),
    ],
)
async def test_an_answer_ends_every_page_and_says_who_has_it(
    a_desk: OpenDesk, label: str, told: str, noted: str, ends: str
) -> None:
    """MON-18, MTA-21: it stops everywhere at once. It confirms nothing and meets no promise."""
    desk, key = await emergency(a_desk)
    await desk.fast_forward(minutes=11)
    assert answer_text(await presses(desk, BOB, label)) == told
    for pages in paged(desk, BOB, EVE).values():
        assert [(labels(page), f". {ends}" in page.text) for page in pages] == [([], True)] * len(pages)
    assert desk.thread(key, Audience.AGENTS)[-1] == f"{key} Bob {noted}"
    posted = len(desk.posted)
    await desk.fast_forward(minutes=30)
    assert len(desk.posted) == posted
    ticket = await desk.ticket(key)
    assert (ticket.confirmed, ticket.owner, ticket.first_answer_at) == (False, None, None)


@pytest.mark.parametrize("label", ["Acknowledge", "Reply", "Resolve"])
async def test_what_an_agent_does_in_triage_ends_the_pages_too(a_desk: OpenDesk, label: str) -> None:
    desk, key = await emergency(a_desk)
    if label == "Acknowledge":
        assert done(await desk.presses(EVE, label, key))
    else:
        assert done(await desk.submits_form(EVE, label, key, text="It runs again."))
    (page,) = paged(desk, BOB)["Bob"]
    assert labels(page) == []
    assert "Eve" in page.text
    await desk.fast_forward(minutes=30)
    assert len(paged(desk, BOB)["Bob"]) == 1


async def test_a_late_answer_reads_who_has_it(a_desk: OpenDesk) -> None:
    desk, key = await emergency(a_desk)
    await desk.fast_forward(minutes=10)
    (page, _), button = paged(desk, BOB)["Bob"], Button("page_acknowledge", "Acknowledge", key)
    await presses(desk, EVE, "Acknowledge")
    events = len((await desk.ticket(key)).history)
    answer = await desk.presses_on(BOB, page, button)
    assert answer_text(answer) == f"Eve has answered already, so nobody is paged for {key} any more."
    (hers,) = paged(desk, EVE)["Eve"]
    twice = await desk.presses_on(EVE, hers, button)
    assert answer_text(twice) == f"Acknowledged, so nobody else is paged now. {NO_OWNER}"
    assert len((await desk.ticket(key)).history) == events


async def test_delegating_pages_the_colleague_and_waits_one_repeat(a_desk: OpenDesk) -> None:
    desk, key = await emergency(a_desk)
    await desk.fast_forward(minutes=4)
    form = form_of(await presses(desk, BOB, "Delegate"))
    assert "Bob" not in [option.label for field in form.fields for option in getattr(field, "options", ())]
    assert form_of(await desk.sends(BOB, form, person="bob")).errors == {"person": "Please choose a person."}
    assert done(await desk.sends(BOB, form, person="kim"))
    (page,) = paged(desk, KIM)["Kim"]
    assert page.text.startswith(f"{key} Bob asks you to take over. S1 for Acme GmbH")
    assert "Bob asked @Kim to take over." in desk.thread(key, Audience.AGENTS)[-1]
    (own,) = paged(desk, BOB)["Bob"]
    assert (labels(own), "Bob asked Kim to take over." in own.text) == ([], True)
    await desk.fast_forward(minutes=4)
    assert len(paged(desk, BOB)["Bob"]) == 1
    await desk.fast_forward(minutes=1)
    assert len(paged(desk, BOB)["Bob"]) == 2
    await presses(desk, KIM, "Acknowledge")
    assert not any(labels(page) for pages in paged(desk, BOB, KIM).values() for page in pages)


@pytest.mark.parametrize(
    ("length", "until"),
    [("15m", "Fri 20 Mar 15:45"), ("1h", "Fri 20 Mar 16:30"), ("tomorrow", "Sat 21 Mar 08:00")],
)
async def test_snoozing_spares_that_person_only(a_desk: OpenDesk, length: str, until: str) -> None:
    """Tomorrow at nine is in the zone of the office hours: 8:00 UTC in Berlin's winter."""
    desk, key = await emergency(a_desk)
    form = form_of(await presses(desk, BOB, "Snooze"))
    assert form_of(await desk.sends(BOB, form, length="")).errors == {"length": "Please choose for how long."}
    assert done(await desk.sends(BOB, form, length=length, text="On the train"))
    noted = f"{key} Bob snoozed the page until {until}: “On the train” "
    assert desk.thread(key, Audience.AGENTS)[-1] == noted
    await desk.fast_forward(minutes=5)
    assert {name: len(pages) for name, pages in paged(desk, BOB, EVE).items()} == {"Bob": 1, "Eve": 1}


async def test_tomorrow_is_in_the_zone_of_the_person(a_desk: OpenDesk) -> None:
    """Bob is in New York: nine there is 13:00 UTC in summer."""
    file = desk_file(rotas=TIMELINE).replace('id = "bob"', 'id = "bob"\nzone = "America/New_York"')
    desk = await a_desk(desk_file=file)
    key = await desk.submits(ALICE, "All is down", S1)
    form = form_of(await presses(desk, BOB, "Snooze"))
    (length, *_) = form.fields
    assert isinstance(length, ChoiceField)
    assert "Until tomorrow 9:00 (America/New_York)" in [option.label for option in length.options]
    assert done(await desk.sends(BOB, form, length="tomorrow"))
    assert desk.thread(key, Audience.AGENTS)[-1] == f"{key} Bob snoozed the page until Sat 21 Mar 13:00."


async def test_a_snooze_is_over_and_pages_again_unless_somebody_answered(a_desk: OpenDesk) -> None:
    desk, key = await emergency(a_desk)
    form = form_of(await presses(desk, BOB, "Snooze"))
    await desk.sends(BOB, form, length="15m")
    await desk.fast_forward(minutes=15)
    page = paged(desk, BOB)["Bob"][-1]
    assert page.text.startswith(f"{key} Your snooze is over, and nobody has acknowledged the page yet. S1")
    await desk.sends(BOB, form_of(await presses(desk, BOB, "Snooze")), length="15m")
    await presses(desk, EVE, "Acknowledge")
    count = len(desk.posted)
    await desk.fast_forward(minutes=25)
    assert len(desk.posted) == count


async def test_engineering_is_paged_beside_the_first_line_from_the_start(a_desk: OpenDesk) -> None:
    """M3-19: two chains; one answer ends both."""
    rotas = {**TIMELINE, "engineering": ["kim"]}
    desk, key = await emergency(a_desk, rotas)
    assert [text.rpartition("Paged")[2] for text in desk.thread(key, Audience.AGENTS)] == [
        ": @Bob.",
        " engineering: @Kim.",
    ]
    await desk.fast_forward(minutes=6)
    await presses(desk, KIM, "I'll call", 0)
    assert not any(labels(page) for pages in paged(desk, BOB, KIM).values() for page in pages)
    await desk.fast_forward(minutes=30)
    assert {name: len(pages) for name, pages in paged(desk, BOB, KIM).items()} == {"Bob": 2, "Kim": 2}


async def test_raising_the_severity_pages_others_than_who_raised_it(a_desk: OpenDesk) -> None:
    desk = await a_desk(desk_file=desk_file(rotas=TIMELINE))
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await changes_severity(desk, BOB, key))
    assert done(await desk.sends(BOB, form, severity="S1", text="It is down for everybody."))
    assert {name: len(pages) for name, pages in paged(desk, BOB, EVE).items()} == {"Bob": 0, "Eve": 1}


async def test_an_agents_escalation_reaches_the_next_step_while_the_first_does_not_answer(
    a_desk: OpenDesk,
) -> None:
    """MON-18: leadership can be reached exactly when nobody answers. The page begins with the reason."""
    desk, key = await emergency(a_desk)
    await desk.fast_forward(minutes=2)
    await desk.submits_form(EVE, "Escalate", key, text="Nobody picks up")
    (page,) = paged(desk, MIA)["Mia"]
    assert page.text.startswith(f"{key} Eve escalated this ticket: “Nobody picks up” S1 for Acme GmbH")
    notices = desk.thread(key, Audience.AGENTS)
    empty = "Nobody is on call for second line and engineering. Leadership is next."
    assert f"{key} {empty}" in notices
    assert any(text.endswith("Paged leadership: @Mia.") for text in notices)
    await desk.fast_forward(minutes=3)
    assert len(paged(desk, BOB)["Bob"]) == 2
    await desk.submits_form(EVE, "Escalate", key, text="Still nobody")
    further = f"{key} Nobody else was paged: the escalation policy has no more steps."
    assert desk.thread(key, Audience.AGENTS)[-1] == further


async def test_an_answer_also_ends_pages_that_a_lower_severity_stopped(a_desk: OpenDesk) -> None:
    """MON-18: an escalation goes on after a downgrade; its answer leaves no button on any earlier page."""
    desk, key = await emergency(a_desk)
    await desk.submits_form(EVE, "Escalate", key, text="Nobody picks up")
    form = form_of(await changes_severity(desk, EVE, key))
    await desk.sends(EVE, form, severity="S2", because="misjudged", text="It is slow, not down.")
    (first,), (page,) = paged(desk, BOB, MIA).values()
    assert (labels(first), labels(page)) == (labels(page), ["Acknowledge", "I'll call", "Delegate", "Snooze"])
    await presses(desk, MIA, "Acknowledge")
    assert (labels(first), labels(page)) == ([], [])
    assert "Mia has this ticket." in first.text


async def test_an_escalation_off_hours_waits_for_the_opening_and_says_so(a_desk: OpenDesk) -> None:
    """M3-19: a Severity 2 on a Saturday waits for Monday at ten in Berlin. Raised to S1, it does not."""
    rotas = {"first_line": ["bob"], "second_line": ["kim"], "leadership": ["mia"]}
    desk = await a_desk("2026-03-21T12:00:00Z", desk_file=desk_file(rotas=rotas))
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(BOB, "Escalate", key, text="Month end")
    waits = f"{key} Second line is outside its hours. We will page it Mon 23 Mar 09:00."
    assert desk.thread(key, Audience.AGENTS)[-1] == waits
    await desk.forward_to("2026-03-22T12:00:00Z")
    assert paged(desk, KIM)["Kim"] == []
    form = form_of(await changes_severity(desk, BOB, key))
    await desk.sends(BOB, form, severity="S1", text="It is down for everybody.")
    assert len(paged(desk, KIM)["Kim"]) == 1


async def test_an_escalation_off_hours_is_paged_at_the_opening(a_desk: OpenDesk) -> None:
    rotas = {"first_line": ["bob"], "second_line": ["kim"], "leadership": ["mia"]}
    desk = await a_desk("2026-03-21T12:00:00Z", desk_file=desk_file(rotas=rotas))
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(BOB, "Escalate", key, text="Month end")
    await desk.forward_to("2026-03-23T08:59:59Z")
    assert paged(desk, KIM)["Kim"] == []
    await desk.forward_to("2026-03-23T09:00:00Z")
    (page,) = paged(desk, KIM)["Kim"]
    assert "Month end" in page.text


async def test_nobody_on_call_is_said_and_the_last_resort_is_paged(a_desk: OpenDesk) -> None:
    desk, key = await emergency(a_desk, {})
    (page,) = paged(desk, DANA)["Dana"]
    assert page.text.startswith(f"{key} Nobody has acknowledged a page yet. S1 for Acme GmbH")
    nobody = await a_desk(desk_file=desk_file(rotas={}, accounts=[account(tam=None)]))
    key = await nobody.submits(ALICE, "All is down", S1)
    says = (
        f"{key} Nobody is on call, so nobody was paged. The first to read this, please press "
        "Acknowledge or Take it on the ticket's card."
    )
    assert nobody.thread(key, Audience.AGENTS) == [says]
    await nobody.fast_forward(minutes=20)
    assert nobody.thread(key, Audience.AGENTS) == [says]


# Words that have happened ---------------------------------------------------------------------


async def test_a_page_is_on_record_once_a_platform_accepted_it(a_desk: OpenDesk) -> None:
    desk, key = await emergency(a_desk)
    accepted = [e for e in (await desk.ticket(key)).history if isinstance(e, PageAccepted)]
    assert [(e.chain.partition("@")[0], e.person) for e in accepted] == [("first", "bob")]
    await desk.fast_forward(minutes=11)
    events = await desk.events(key)
    assert [e for e in events if e.startswith("Page")].count("PageAccepted") == 2


ENTRA_BOB = entra("bob")
SUNDAY_NIGHT = "2026-03-22T01:00:00Z"
MONTA = desk_file(
    vendor="monta",
    rotas={"partner_support": ["bob"], "support_24_7": ["eve"], "leadership": ["mia"]},
    accounts=[account(plan="partner")],
)


async def test_off_hours_the_customer_reads_who_was_paged_and_from_when_time_counts(tmp_path: Path) -> None:
    """MTA-21, A9, A11: once, after the page arrived, and not again for whoever is paged next."""
    desk = await open_desk(tmp_path, SUNDAY_NIGHT, MONTA)
    key = await desk.submits(ALICE, "No charger works", monta.P1)
    said = (
        f"{key} Bob has been paged, although it is outside our support hours. Our response "
        "times count from Mon 23 Mar 08:00, when our support hours begin. "
        "First response is due Mon 23 Mar 10:00. Resolution is due Mon 23 Mar 12:00. "
        "Until our support hours begin, we will write here every hour, the next time by Sun 22 Mar 02:00."
    )
    assert desk.thread(key) == [said]
    await desk.fast_forward(minutes=30)
    assert desk.thread(key) == [said]


async def test_no_text_says_that_somebody_was_paged_before_a_page_was_accepted(tmp_path: Path) -> None:
    """MTA-21: Bob can get no direct message and is no member of the triage channel's workspace."""
    only_on_teams = MONTA.replace('slack = "U0BOB"', f'teams = "{ENTRA_BOB}"')
    desk = await open_desk(tmp_path, SUNDAY_NIGHT, only_on_teams)
    key = await desk.submits(ALICE, "No charger works", monta.P1)
    assert desk.thread(key) == []
    assert "PageAccepted" not in await desk.events(key)
    await desk.fast_forward(minutes=10)
    (said,) = desk.thread(key)
    assert said.startswith(f"{key} Eve has been paged, although it is outside our support hours.")


async def test_a_page_that_the_platform_rejects_is_told_to_agents(a_desk: OpenDesk) -> None:
    desk = await a_desk(desk_file=desk_file(rotas=TIMELINE))
    desk.chat.rejects_direct.add(BOB.user.id)
    key = await desk.submits(ALICE, "All is down", S1)
    assert paged(desk, BOB)["Bob"] == []
    assert f"{key} Not delivered: a page to Bob (user_not_found)." in desk.thread(key, Audience.AGENTS)
    assert "PageAccepted" in await desk.events(key), "the mention in triage reached him"
