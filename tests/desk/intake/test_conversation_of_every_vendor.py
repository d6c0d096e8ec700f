"""Every vendor's form, asked question by question."""

from __future__ import annotations

from pathlib import Path

import pytest

from sla_core.catalog.load import load, vendors
from sla_core.triage import Kind
from tests.desk.intake.conversation import Conversation
from tests.desk_file import account, desk_file
from tests.harness import open_desk, view_text

FRIDAY = "2026-03-20T15:30:00Z"


def bare(vendor: str, plan: str) -> str:
    return desk_file(vendor, rotas={}, people=["bob"], accounts=[account(plan=plan, tam=None)])


async def test_several_of_many_and_an_optional_text(tmp_path: Path) -> None:
    conversation = Conversation(await open_desk(tmp_path, FRIDAY, bare(vendor="monetate", plan="europe")))
    await conversation.starts("Banner is gone")
    await conversation.presses("Skip")
    await conversation.writes("2")
    assert "Which part" in conversation.question
    assert conversation.labels[-3:] == ["Skip", "Back", "Cancel"]
    await conversation.presses("Events")
    await conversation.presses("Targets")
    await conversation.presses("Events")
    assert "Next" in conversation.labels
    await conversation.presses("Next")
    assert "Where does it show" in conversation.question
    await conversation.presses("Back")
    await conversation.writes("events, 3")
    await conversation.writes("skip")
    await conversation.writes("2")
    while conversation.labels[0] != "Open ticket":
        await conversation.writes("1")
    await conversation.presses("Open ticket")
    assert set((await conversation.desk.ticket("ACME-1")).opened.answers["area"]) == {"events", "targets"}


@pytest.mark.parametrize("vendor", sorted(vendors()))
async def test_every_vendors_form_can_be_gone_through(tmp_path: Path, vendor: str) -> None:
    policy = load(vendor)[-1]
    plan = next(plan.id for plan in policy.plans.values() if plan.chat)
    conversation = Conversation(await open_desk(tmp_path, FRIDAY, bare(vendor=vendor, plan=plan)))
    answers = policy.triage.example(policy.worst.id)
    assert answers is not None
    await conversation.starts("Nothing works")
    for _ in range(30):
        if conversation.labels[0] == "Open ticket":
            break
        name = conversation.asked.buttons[-1].value.rpartition("|")[2]
        question = next((q for q in policy.triage.questions if q.id == name), None)
        given = answers.get(name, ())
        if question is not None and question.kind is not Kind.TEXT and given:
            await conversation.writes(question.label_of(given[0]))
        else:
            await conversation.writes(given[0] if given else "skip")
    assert policy.worst.id in view_text(conversation.asked)
    await conversation.presses("Open ticket")
    assert (await conversation.desk.ticket("ACME-1")).opened.severity == policy.worst.id
