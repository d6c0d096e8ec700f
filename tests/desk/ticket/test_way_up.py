"""A customer's way up: what Escalate tells her, and a call that somebody makes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.desk.intake.form import preview
from bot.model.address import Actor
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.inbound import Answer, Ask, Press, Submission
from bot.model.views import Audience, Notice
from sla_core.catalog.load import Faults
from tests.desk_file import account, desk_file
from tests.harness import (
    ALICE,
    BOB,
    DANA,
    DESK_FILE,
    EVE,
    S1,
    SILVER,
    DeskInMemory,
    answer_text,
    directory_of,
    form_of,
    open_desk,
    person,
    rich_text,
)

NIGHT = "2026-03-20T22:00:00Z"
EMERGENCY = {"category": "error", "impact": "yes", "reason": "no"}
MIA = person("Mia", "T0VENDOR")


def monetate(tam: str | None = "dana", leadership: tuple[str, ...] = ("mia",)) -> str:
    rotas = {"on_call": ["bob", "eve"]} | ({"leadership": [*leadership]} if leadership else {})
    return desk_file(
        "monetate", rotas=rotas, accounts=[account(name="Acme Inc", plan="north-america", tam=tam)]
    )


async def emergency(tmp_path: Path, file: str = "") -> tuple[DeskInMemory, str]:
    desk = await open_desk(tmp_path, NIGHT, file or monetate())
    return desk, await desk.submits(ALICE, "Broken images", EMERGENCY)


async def presses_direct(desk: DeskInMemory, actor: Actor, label: str) -> Answer:
    """A button of the newest direct message that is not a page."""
    message = next(s for s in reversed(desk.direct(actor)) if s.key and "/dm/" in s.key)
    assert isinstance(message.view, Notice)
    (button,) = (each for each in message.view.buttons if each.label == label)
    where = message.ref.place
    act = Press(desk.envelope(), desk.clock.now(), actor, where, message.ref, button.action, button.value)
    return await desk.answers(act)


def asked_to_call(desk: DeskInMemory, actor: Actor) -> list[str]:
    return [said.text for said in desk.direct(actor) if "asks for a call" in said.text]


def fact(desk: DeskInMemory, key: str, label: str) -> str | None:
    return dict(desk.card_view(key).facts).get(label)


async def asks_for_a_call(desk: DeskInMemory, key: str, **more: str) -> Answer:
    form = form_of(await desk.presses(ALICE, "Request a call", key))
    return await desk.sends(ALICE, form, **({"text": "Now, please"} | more))


# Escalate ---------------------------------------------------------------------------------------


async def test_escalate_says_who_was_told_and_what_happens_next(tmp_path: Path) -> None:
    """MON-19, MON-21: names, the next step, and what is due first."""
    desk, key = await emergency(tmp_path)
    await desk.submits_form(ALICE, "Escalate", key, text="The sale starts in an hour.")
    assert desk.thread(key)[-1] == (
        "ACME-1 Alice escalated this ticket: “The sale starts in an hour.” "
        "The on-call agent and your account manager Dana have been alerted. "
        "Next: we decide who else is needed, and answer you here by Fri 20 Mar 23:00."
    )


async def test_the_card_names_those_who_know_only_once_they_do(tmp_path: Path) -> None:
    desk, key = await emergency(tmp_path)
    assert fact(desk, key, "Escalated") is None
    await desk.submits_form(ALICE, "Escalate", key, text="The sale starts in an hour.")
    began = "Fri 20 Mar 2026, 18:00 EDT by Alice"
    assert fact(desk, key, "Escalated") == f"{began}; nobody has answered yet"
    await desk.fast_forward(minutes=3)
    await presses_direct(desk, DANA, "Acknowledge")
    assert fact(desk, key, "Escalated") == f"{began}; Dana knows"
    await desk.presses(BOB, "Acknowledge", key)
    assert fact(desk, key, "Escalated") == f"{began}; Dana and Bob know"
    await desk.submits_form(BOB, "Resolve", key, text="It was our image server.")
    assert fact(desk, key, "Escalated") is None


async def test_an_internal_escalation_is_not_on_the_customers_card(tmp_path: Path) -> None:
    desk, key = await emergency(tmp_path)
    await desk.submits_form(BOB, "Escalate", key, text="I need more hands.")
    assert fact(desk, key, "Escalated") is None


async def test_who_escalates_again_adds_the_reason_only(tmp_path: Path) -> None:
    """contract.md: no second alarm; triage reads it, with its mention. After Reopen it is one again."""
    desk, key = await emergency(tmp_path)
    await desk.submits_form(ALICE, "Escalate", key, text="The sale starts in an hour.")
    told = len(desk.direct(DANA))
    await desk.submits_form(ALICE, "Escalate", key, text="In half an hour now.")
    assert len(desk.direct(DANA)) == told
    said = "ACME-1 Alice added to the escalation: “In half an hour now.” "
    assert desk.thread(key)[-1] == said
    assert desk.thread(key, Audience.AGENTS)[-1] == f"{said} @Bob"
    await presses_direct(desk, DANA, "Acknowledge")
    await desk.submits_form(BOB, "Resolve", key, text="Done.")
    await desk.presses(ALICE, "Reopen", key)
    await desk.submits_form(ALICE, "Escalate", key, text="It is back.")
    assert "Alice escalated this ticket: “It is back.”" in desk.direct(DANA)[-1].text


# Request a call ----------------------------------------------------------------------------------


async def test_the_tam_is_asked_and_the_engineer_is_left_alone(tmp_path: Path) -> None:
    """MON-19, A25: a direct message to Dana, one line in triage without a mention, and no clock moves."""
    desk, key = await emergency(tmp_path)
    before = desk.card_view(key).promises
    await asks_for_a_call(desk, key, text="Until midnight", phone="+1 555 0100")
    (asked,) = asked_to_call(desk, DANA)
    assert asked.startswith(
        "ACME-1 Alice asks for a call. When it suits them: “Until midnight”  Number: +1 555 0100."
    )
    assert asked_to_call(desk, BOB) == []
    assert desk.thread(key, Audience.AGENTS)[-1] == (
        "ACME-1 Alice asks for a call. When it suits them: “Until midnight”  Number: +1 555 0100. "
        "Dana has been asked."
    )
    assert desk.thread(key)[-1] == (
        "ACME-1 Alice asked for a call: “Until midnight” We have asked Dana to call. "
        "We will tell you here who will call. "
        "You can also call us: 855-222-6134 (United States)."
    )
    assert desk.card_view(key).promises == before
    assert (await desk.ticket(key)).first_answer_at is None


async def test_the_customer_reads_who_calls_once_somebody_has_said_so(tmp_path: Path) -> None:
    """MON-19, CUP-17: once, with her name; the button comes back for another call."""
    desk, key = await emergency(tmp_path)
    await asks_for_a_call(desk, key)
    assert "Request a call" not in desk.labels(key)
    assert fact(desk, key, "Call") == "Alice asked for one, Fri 20 Mar 2026, 18:00 EDT; Dana has been asked"
    await presses_direct(desk, DANA, "I'll call")
    assert desk.thread(key)[-1] == "ACME-1 Dana will call you. @Alice"
    assert desk.thread(key, Audience.AGENTS)[-1] == "ACME-1 Dana will call the customer."
    assert (fact(desk, key, "Call") or "").endswith("; Dana will call")
    assert "Request a call" in desk.labels(key)
    card = desk.card_view(key, Audience.AGENTS)
    assert dict(card.facts)["Call"].endswith("; Dana will call")


async def test_a_call_that_nobody_asked_for_is_not_announced(tmp_path: Path) -> None:
    desk, key = await emergency(tmp_path)
    await desk.fast_forward(minutes=53)
    await presses_direct(desk, DANA, "I'll call")
    assert not any("will call you" in text for text in desk.thread(key))


async def test_a_colleague_takes_the_call(tmp_path: Path) -> None:
    """Delegate on the direct message; Mia's answer is the one that the customer reads."""
    desk, key = await emergency(tmp_path)
    await asks_for_a_call(desk, key)
    form = form_of(await presses_direct(desk, DANA, "Delegate"))
    await desk.sends(DANA, form, person="mia")
    await presses_direct(desk, MIA, "I'll call")
    assert desk.thread(key)[-1] == "ACME-1 Mia will call you. @Alice"


async def test_while_she_is_away_others_are_asked(tmp_path: Path) -> None:
    """MON-19: the customer does not wait for somebody on leave."""
    desk, key = await emergency(tmp_path)
    desk.desk.directory.away = {"dana": desk.clock.now() + timedelta(days=7)}
    await asks_for_a_call(desk, key)
    assert "We have asked Mia to call." in desk.thread(key)[-1]
    assert (len(asked_to_call(desk, MIA)), asked_to_call(desk, DANA)) == (1, [])
    await desk.fast_forward(minutes=31)
    assert (len(asked_to_call(desk, MIA)), asked_to_call(desk, DANA)) == (2, [])


@pytest.mark.parametrize(
    ("tam", "leadership", "owner", "asked"),
    [
        ("dana", ("mia",), None, DANA),
        (None, ("mia",), None, MIA),
        (None, (), None, EVE),
        (None, (), EVE, BOB),
        (None, ("bob",), BOB, EVE),
    ],
)
async def test_who_investigates_is_asked_last(
    tmp_path: Path, tam: str | None, leadership: tuple[str, ...], owner: Actor | None, asked: Actor
) -> None:
    """MON-19: the TAM, leadership, then the first line; who is on call first and the owner come last."""
    desk, key = await emergency(tmp_path, monetate(tam, leadership))
    if owner is not None:
        await desk.presses(owner, "Acknowledge", key)
        await desk.presses(owner, "Take it", key)
    await asks_for_a_call(desk, key)
    assert len(asked_to_call(desk, asked)) == 1
    others = [actor for actor in (BOB, EVE, DANA, MIA) if actor != asked]
    assert [len(asked_to_call(desk, actor)) for actor in others] == [0, 0, 0]


async def test_nobody_can_be_asked_so_triage_is(tmp_path: Path) -> None:
    desk, key = await emergency(
        tmp_path,
        desk_file("monetate", rotas={}, accounts=[account(name="Acme Inc", plan="north-america", tam=None)]),
    )
    await asks_for_a_call(desk, key)
    assert desk.thread(key, Audience.AGENTS)[-1].endswith("We could not reach a caller. Please call Alice.")
    assert "Our agents have your request." in desk.thread(key)[-1]


async def test_the_form_keeps_what_was_typed_and_asks_when(tmp_path: Path) -> None:
    desk, key = await emergency(tmp_path)
    form = form_of(await desk.presses(ALICE, "Request a call", key))
    assert (form.title, form.submit) == ("ACME-1 · Request a call", "Request a call")
    assert rich_text(form.intro) == "You can also call us: 855-222-6134 (United States)."
    again = form_of(await desk.sends(ALICE, form, text=" ", phone="+1 555 0100"))
    assert again.errors == {"text": "Please say when it suits you."}
    assert [f.value for f in again.fields if isinstance(f, TextField)] == [" ", "+1 555 0100"]
    assert "CallRequested" not in await desk.events(key)


async def test_a_request_is_made_once(tmp_path: Path) -> None:
    """Two people of the customer press at the same time; a card of before still has its button."""
    desk, key = await emergency(tmp_path)
    first, second = [form_of(await desk.presses(ALICE, "Request a call", key)) for _ in range(2)]
    card = desk.card(key)
    stale = Press("late", desk.clock.now(), ALICE, card.ref.place, card.ref, "call_request", key)
    await desk.sends(ALICE, first, text="Now")
    answer = await desk.sends(ALICE, second, text="Later")
    assert isinstance(answer, Ask)
    assert answer.form.errors == {"text": "Alice has already asked for a call about ACME-1."}
    assert answer_text(await desk.answers(stale)) == "Alice has already asked for a call about ACME-1."
    await desk.submits_form(BOB, "Resolve", key, text="Done.")
    assert answer_text(await desk.answers(stale_again(stale))) == "ACME-1 is resolved; reopen it first."
    assert (await desk.events(key)).count("CallRequested") == 1


def stale_again(press: Press) -> Press:
    return Press(
        f"{press.key}-2", press.at, press.actor, press.place, press.message, press.action, press.value
    )


async def test_silver_has_no_phone_and_gold_has_the_desks_number(tmp_path: Path) -> None:
    """M3-5: Gold's helpdesk number comes from the desk's file; Silver sees neither number nor button."""
    numbers = DESK_FILE.replace(
        'vendor = "m3ter"\n', 'vendor = "m3ter"\nphones = { gold = "+44 20 7946 0000" }\n'
    )
    desk = await open_desk(tmp_path, NIGHT, numbers)
    gold = await desk.submits(ALICE, "All is down", S1)
    silver = await desk.submits(ALICE, "All is down", S1, SILVER)
    for key in (gold, silver):
        assert "Request a call" not in desk.labels(key), "m3ter offers a number, and no calls on request"
    assert "+44 20 7946 0000" in answer_text(await desk.presses(ALICE, "Why?", gold))
    assert "+44 20 7946 0000" not in answer_text(await desk.presses(ALICE, "Why?", silver))
    assert "You can also call us: +44 20 7946 0000." in answer_text(await desk.command(ALICE, text="help"))
    assert "call us" not in answer_text(await desk.command(ALICE, SILVER, "help"))
    card = desk.card(gold)
    old = Press("old", desk.clock.now(), ALICE, card.ref.place, card.ref, "call_request", gold)
    assert answer_text(await desk.answers(old)) == "You cannot request a call for ACME-1."


async def test_a_customer_of_another_account_cannot_ask(tmp_path: Path) -> None:
    desk, key = await emergency(tmp_path)
    form: Form = form_of(await desk.presses(ALICE, "Request a call", key))
    context = dict(form.context) | {"place": str(SILVER)}
    sent = Submission("elsewhere", desk.clock.now(), ALICE, form.id, {"text": ("Now",)}, context)
    assert "Only the customer of ACME-1" in answer_text(await desk.answers(sent))
    assert asked_to_call(desk, DANA) == []


async def test_commerceups_account_manager_is_asked(tmp_path: Path) -> None:
    """CUP-17: by phone or online when the merchant asks; no number is published."""
    rotas = {"support": ["bob"], "engineering": ["kim"]}
    file = desk_file("commerceup", rotas=rotas, accounts=[account(name="Acme Inc", plan="standard")])
    desk = await open_desk(tmp_path, "2026-03-20T08:00:00Z", file)
    form = await desk.asks_for_help(ALICE)
    answers = {each.id: each.options[0].id for each in form.fields if isinstance(each, ChoiceField)}
    key = await desk.submits(ALICE, "The checkout fails", answers)
    await asks_for_a_call(desk, key, text="Today at five")
    assert len(asked_to_call(desk, DANA)) == 1
    assert "call us" not in desk.thread(key)[-1]


def test_a_number_for_a_plan_without_a_line_is_a_fault(tmp_path: Path) -> None:
    """M3-5: every fault at once, with what is possible."""
    wrong = 'vendor = "m3ter"\nphones = { silver = "1", bronze = "2", gold = " " }\n'
    with pytest.raises(Faults) as found:
        directory_of(tmp_path, DESK_FILE.replace('vendor = "m3ter"\n', wrong))
    assert [str(fault) for fault in found.value.faults] == [
        "frontline.toml: phones.silver: this plan has no phone line; plans with one: gold",
        'frontline.toml: phones.bronze: there is no plan "bronze"; known are gold, silver',
        'frontline.toml: phones.gold: is empty; write the number, such as "+49 30 1234567"',
    ]


async def test_the_emergency_line_is_for_emergencies(tmp_path: Path) -> None:
    """MON-14, MON-19: neither number nor button on an ordinary request, until it becomes an emergency."""
    desk, _ = await emergency(tmp_path)
    key = await desk.submits(ALICE, "Cannot log in", {"category": "access", "impact": "no", "reason": "no"})
    assert "Request a call" not in desk.labels(key)
    assert "855-222-6134" not in answer_text(await desk.presses(ALICE, "Why?", key))
    await desk.submits_form(BOB, "Change severity", key, severity="S1", text="Nobody can log in.")
    assert "Request a call" in desk.labels(key)
    assert "You can also call us: 855-222-6134 (United States). Source: Contacting Support" in answer_text(
        await desk.presses(ALICE, "Why?", key)
    )
    assert "For S1, you can also call us: 855-222-6134" in answer_text(await desk.command(ALICE, text="help"))


async def test_a_form_sent_twice_asks_once(tmp_path: Path) -> None:
    """As after a lost answer: what was changed meanwhile is given back."""
    desk, key = await emergency(tmp_path)
    form = form_of(await desk.presses(ALICE, "Request a call", key))
    await desk.sends(ALICE, form, text="Now")
    told = answer_text(await desk.sends(ALICE, form, text="Later"))
    assert told.startswith("You already sent this form, so nothing more was done.")
    assert "“Later”" in told
    assert len(asked_to_call(desk, DANA)) == 1


async def test_the_form_names_the_number_before_it_is_sent(tmp_path: Path) -> None:
    """MON-14, MTA-20: in the preview of an emergency, and of no other."""
    desk, _ = await emergency(tmp_path)
    directory = desk.desk.directory
    acme, policy = directory.settings.accounts["acme"], directory.policy_on(desk.clock.now().date())
    told = {}
    for name, answers in (("S1", EMERGENCY), ("standard", {**EMERGENCY, "impact": "no"})):
        given = policy.triage.relevant_answers({field: (value,) for field, value in answers.items()})
        told[name] = rich_text(preview(policy, acme, given, desk.clock.now()))
    assert "You can also call us: 855-222-6134 (United States)." in told["S1"]
    assert "call us" not in told["standard"]
