"""No message, form or card that a person reads names an ID of our own requirements (contract.md, Cards)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.model.address import Actor
from bot.model.forms import Form
from bot.model.inbound import Answer, Ask, Done, HomeOpened, Show
from bot.model.views import Audience, View
from sla_core.catalog.load import load
from sla_core.policy import Policy
from tests.desk_file import account, desk_file
from tests.harness import ACME, ALICE, BOB, DANA, DeskInMemory, open_desk

SUNDAY_NIGHT = "2026-03-22T02:00:00Z"
IDS = re.compile(r"\b(M3|MON|MTA|CUP)-\d")
PLANS = [
    (vendor, plan)
    for vendor in ("m3ter", "monta", "monetate", "commerceup")
    for plan in load(vendor)[-1].plans
]
HOLD = 'cites = "Order form 2026-04, section 3"\nhold = true'


def read_by_people(answer: Answer) -> Iterator[object]:
    match answer:
        case Show():
            yield answer.view
        case Ask():
            yield words_of(answer.form)
        case Done():
            return


def words_of(form: Form) -> object:
    return form.title, form.intro, form.preview, form.fields, form.submit, form.errors


async def everything_done(desk: DeskInMemory, policy: Policy) -> list[object]:
    """What people read while each severity is opened, missed, answered, held, escalated and resolved."""
    found: list[object] = []
    seen: list[View] = []
    for severity in policy.severities:
        form = await desk.asks_for_help(ALICE)
        found += [words_of(form)]
        answers = {name: given[0] for name, given in (policy.triage.example(severity) or {}).items() if given}
        before = await desk.keys()
        found += read_by_people(await desk.sends(ALICE, form, summary="It stands still", **answers))
        for key in sorted(set(await desk.keys()) - set(before)):
            for who in (ALICE, BOB):
                found += await everything_pressed(desk, who, key)
            await desk.fast_forward(hours=2)
            # Otherwise the escalations page somebody every few minutes for days.
            found += read_by_people(await desk.submits_form(BOB, "Reply", key, text="We are on it."))
            await desk.fast_forward(days=3)
            seen += [said.view for said in desk.posted]
            found += read_by_people(await desk.submits_form(BOB, "Resolve", key, text="It runs again."))
            found += read_by_people(await desk.presses(ALICE, "Close", key))
            seen += [said.view for said in desk.posted]
    for who in (ALICE, BOB, DANA):
        found += read_by_people(await desk.command(who, text="list"))
        found += read_by_people(await desk.answers(HomeOpened(desk.envelope(), desk.clock.now(), who, ACME)))
    return [*found, *seen]


async def everything_pressed(desk: DeskInMemory, actor: Actor, key: str) -> list[object]:
    """The answers to each button of that side's card but those that end the ticket, and to its form."""
    found: list[object] = []
    audience = Audience.CUSTOMER if actor is ALICE else Audience.AGENTS
    for label in desk.labels(key, audience):
        if label in ("Close", "Resolve") or label not in desk.labels(key, audience):
            continue
        answer = await desk.presses(actor, label, key)
        found += read_by_people(answer)
        if isinstance(answer, Ask):
            found += read_by_people(await desk.sends(actor, answer.form))
            found += read_by_people(await desk.sends(actor, answer.form, text="We look into it."))
    return found


@pytest.mark.parametrize(("vendor", "plan"), PLANS)
async def test_no_requirement_id_reaches_a_person(tmp_path: Path, vendor: str, plan: str) -> None:
    policy = load(vendor)[-1]
    tam = "dana" if policy.plans[plan].tam or policy.plans[plan].first_contact else None
    rotas = {step.role: ["bob", "eve"] for step in policy.steps}
    file = desk_file(vendor, rotas=rotas, accounts=[account(plan=plan, tam=tam, order_form=HOLD)])
    desk = await open_desk(tmp_path, SUNDAY_NIGHT, file)
    read = await everything_done(desk, policy)
    assert len(read) > 50
    assert [text for text in map(repr, read) if IDS.search(text)] == []
    assert IDS.search(repr(policy.severities)), "the policy itself names them"
