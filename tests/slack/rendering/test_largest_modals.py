"""The intake form at its largest, within Slack's limits; of each vendor, and one that is larger than any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.slack.rendering.block_kit import MrkdwnRenderer
from adapters.slack.rendering.modals import modal
from bot.config.settings import load_desk
from bot.desk.intake.form import IntakeContext, PossibleDuplicate, intake_form
from bot.model.forms import ChoiceField, Field, Form, TextField
from bot.model.views import Strong, When
from demo.slack.limits import check_blocks
from demo.slack.limits import check_view as strictly
from sla_core.catalog.load import load, vendors
from sla_core.triage import Option
from tests.desk.intake.form_filling import desk_file_of
from tests.harness import ALICE, S2, TRIAGE, open_desk
from tests.scripted_desk import NOON
from tests.slack.rules import check_view


def test_the_largest_form_fits() -> None:
    """Long labels, many options, everything shown, every fault beside it, and the longest preview."""
    options = tuple(Option(f"option_{n}", f"{n} " + "wide & deep < " * 10) for n in range(90))
    few = options[:10]
    fields: tuple[Field, ...] = (
        ChoiceField("account", "Account", options),
        TextField("summary", "Summary", value="&" * 200, limit=200, hint="h" * 300),
        TextField("details", "Details", required=False, long=True, value="<" * 3000, hint="h" * 300),
        *(ChoiceField(f"q{n}", "Label " * 25, few, hint="h" * 300, value=(few[0].id,)) for n in range(8)),
        ChoiceField("known", "Is it one of these?", few[:9], hint="words " * 100),
    )
    faults = {field.id: "fault " * 60 for field in fields}
    preview = (Strong("Proposed"), " due by ", When(NOON), "\n" + "advice & advice " * 300)
    form = Form("intake", "Support", "Open ticket", fields, {"place": "p" * 500, "offered": "ACME-1 " * 8})
    view = modal(
        replace(form, errors=faults, preview=preview, reacts=True, takes_files=True), MrkdwnRenderer()
    )
    check_view(view)
    assert strictly(view) == []


@pytest.mark.parametrize("vendor", sorted(vendors()))
async def test_each_vendors_form_fits_with_everything_shown(vendor: str, tmp_path: Path) -> None:
    """A hundred accounts to choose from, every question answered, eight open tickets that may be the same."""
    policy = load(vendor)[-1]
    plan = next(iter(policy.plans))
    path = tmp_path / "frontline.toml"
    path.write_text(desk_file_of(vendor, plan), encoding="utf-8")
    acme = load_desk(path).accounts["acme"]
    accounts = [acme, *(replace(acme, id=f"account-{n}", name=f"Account number {n}") for n in range(99))]
    sample = await open_desk(tmp_path, "2026-03-20T12:00:00Z")
    await sample.submits(ALICE, "Wide & deep < " * 14, S2)
    ticket = await sample.ticket("ACME-1")
    known = [replace(ticket, key=f"ACME-{n}") for n in range(1, 6)]
    alike = [PossibleDuplicate(replace(ticket, key=f"ACME-{n}"), ("wide", "deep")) for n in range(6, 9)]
    for answers in [{}, *(policy.triage.example(severity) or {} for severity in policy.severities)]:
        values = {**answers, "account": ("acme",), "summary": ("&" * 200,), "details": ("<" * 3000,)}
        sheet = IntakeContext(
            policy, accounts, TRIAGE, known, alike, values, frozenset({"ACME-9"}), restored=True
        )
        form = intake_form(sheet, NOON)
        view = modal(replace(form, errors={field.id: "fault" for field in form.fields}), MrkdwnRenderer())
        check_view(view)
        assert strictly(view) == []


def test_where_files_may_be_put_in() -> None:
    """In an input of a modal, and ten of them at most."""
    box = {"type": "file_input", "action_id": "files", "max_files": 10}
    block = {"type": "input", "label": {"type": "plain_text", "text": "Files"}, "element": box}
    assert check_blocks([block], "modal") == []
    assert check_blocks([{"type": "actions", "elements": [box]}], "modal") != []
    assert check_blocks([{**block, "element": {**box, "max_files": 11}}], "modal") != []
