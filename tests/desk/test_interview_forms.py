"""Every vendor's form, asked question by question."""

from __future__ import annotations

from pathlib import Path

import pytest

from sla_core.catalog.load import load, vendors
from sla_core.triage import Kind
from tests.desk.talk import Talk
from tests.desk_file import account, desk_file
from tests.harness import open_desk, plain

FRIDAY = "2026-03-20T15:30:00Z"


def bare(vendor: str, plan: str) -> str:
    return desk_file(vendor, rotas={}, people=["bob"], accounts=[account(plan=plan, tam=None)])


async def test_several_of_many_and_an_optional_text(tmp_path: Path) -> None:
    talk = Talk(await open_desk(tmp_path, FRIDAY, bare(vendor="monetate", plan="europe")))
    await talk.begins("Banner is gone")
    await talk.presses("Skip")
    await talk.writes("2")
    assert "Which part" in talk.question
    assert talk.labels[-3:] == ["Skip", "Back", "Cancel"]
    await talk.presses("Events")
    await talk.presses("Targets")
    await talk.presses("Events")
    assert "Next" in talk.labels
    await talk.presses("Next")
    assert "Where does it show" in talk.question
    await talk.presses("Back")
    await talk.writes("events, 3")
    await talk.writes("skip")
    await talk.writes("2")
    while talk.labels[0] != "Open ticket":
        await talk.writes("1")
    await talk.presses("Open ticket")
    assert set((await talk.desk.ticket("ACME-1")).opened.answers["area"]) == {"events", "targets"}


@pytest.mark.parametrize("vendor", sorted(vendors()))
async def test_every_vendors_form_can_be_gone_through(tmp_path: Path, vendor: str) -> None:
    policy = load(vendor)[-1]
    plan = next(plan.id for plan in policy.plans.values() if plan.chat)
    talk = Talk(await open_desk(tmp_path, FRIDAY, bare(vendor=vendor, plan=plan)))
    answers = policy.triage.example(policy.worst.id)
    assert answers is not None
    await talk.begins("Nothing works")
    for _ in range(30):
        if talk.labels[0] == "Open ticket":
            break
        name = talk.asked.buttons[-1].value.rpartition("|")[2]
        question = next((q for q in policy.triage.questions if q.id == name), None)
        given = answers.get(name, ())
        if question is not None and question.kind is not Kind.TEXT and given:
            await talk.writes(question.label_of(given[0]))
        else:
            await talk.writes(given[0] if given else "skip")
    assert policy.worst.id in plain(talk.asked)
    await talk.presses("Open ticket")
    assert (await talk.desk.ticket("ACME-1")).opened.severity == policy.worst.id
