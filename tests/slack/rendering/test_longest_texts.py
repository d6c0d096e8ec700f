"""With the longest and oddest texts, everything sent to Slack stays within its limits and inert."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from adapters.slack.rendering.block_kit import MrkdwnRenderer, RenderedMessage
from adapters.slack.rendering.messages import render_message
from adapters.slack.workspaces import oauth
from bot.config.settings import load_desk
from bot.desk.intake.conversation_steps import ConversationalForm
from bot.desk.intake.form import IntakeContext, intake_form
from bot.model.address import Actor, Place, UserRef
from bot.model.forms import ChoiceField
from bot.model.views import Strong, When
from demo.slack.limits import check_blocks, check_view
from sla_core.catalog.load import load, vendors
from tests.desk.intake.form_filling import desk_file_of
from tests.slack import rules
from tests.slack.day_of_requests import day_of_requests

NOON = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
ODD = (
    "<!channel> <!here> @everyone <@U0BOB> <#C0ACME> <https://x.example|click> <!date^1^{date}|x> "
    "&lt;!channel&gt; *b* _i_ ~s~ `c` ```c``` >q\n> q\n• \u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd "
    "\u200b\u200d\ufeff \U0001f469\u200d\U0001f467 :tada: {{DATE(x)}} <at>x</at> e\u0301\u0301\u0301 &&& "
)
WORST = {
    "odd": ODD,
    "odd and long": (ODD * 40)[:2900],
    "escaped": "&" * 2900,
    "astral": "😀" * 1450,
    "one word": "x" * 2900,
    "lines": "> a\n" * 700,
    "zero width": "x" + "\u200b" * 2900,
}
_FAILURES = ("lost", "refused", "not drawn", "not opened", "not made", "failed", "not posted", "not redrawn")


@pytest.mark.parametrize("name", sorted(WORST))
async def test_every_message_of_a_day_fits_the_limits(name: str, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logged:
        async with day_of_requests(tmp_path, WORST[name]) as day:
            said = list(sheets(day.at.slack.calls))
            assert len(said) > 25
            for rendered in said:
                rules.check_message(rendered)
                assert check_blocks(rendered.blocks) == []
            drawn = list(views(day.at.slack))
            for view in drawn:
                assert check_view(view) == []
                rules.check_view({**view, "blocks": view["blocks"]})
            assert {view["type"] for view in drawn} == {"modal", "home"}
    assert [line for line in logged if any(word in line["event"] for word in _FAILURES)] == []


def sheets(calls: Any) -> Iterator[RenderedMessage]:
    """Every message that was posted or changed."""
    for call in calls:
        if "blocks" in call.args:
            yield RenderedMessage(call.args["text"], call.args["blocks"])


def views(slack: Any) -> Iterator[dict[str, Any]]:
    """Every modal and page, by call or as the answer to a form."""
    yield from (call.args["view"] for call in slack.calls if "view" in call.args)
    answers = (ack.json() for ack in slack.acks if ack.kind == "view_submission")
    yield from (answer["view"] for answer in answers if answer and "view" in answer)


@pytest.mark.parametrize("vendor", sorted(vendors()))
def test_every_step_of_every_vendors_questions_fits(vendor: str, tmp_path: Path) -> None:
    policy = load(vendor)[-1]
    path = tmp_path / "frontline.toml"
    path.write_text(desk_file_of(vendor, next(iter(policy.plans))), encoding="utf-8")
    accounts = list(load_desk(path).accounts.values())
    place, actor = Place("slack", "C0ACME"), Actor(UserRef("slack", "T0ACME", "U0X"), "T0VENDOR", "Xenia")
    for answers in [{}, *(policy.triage.example(severity) or {} for severity in policy.severities)]:
        typed = {"summary": (ODD[:150],), "details": ((ODD * 40)[:3000],)}
        form = intake_form(IntakeContext(policy, accounts, place, values={**answers, **typed}), NOON)
        everything = {
            field.id: tuple(option.id for option in field.options) if field.many else (field.options[-1].id,)
            for field in form.fields
            if isinstance(field, ChoiceField)
        }
        for filled in (form, form.filled(everything), form.filled({"summary": (), "details": ()})):
            filled = replace(filled, errors={field.id: ODD * 2 for field in filled.fields})
            for at in (*(field.id for field in filled.visible_fields()), None):
                asked = ConversationalForm("key", place, "1.2", actor, filled, at, NOON)
                for step in (asked, asked.with_note(ODD)):
                    preview = (Strong("Proposed"), " by ", When(NOON), "\n" + ODD * 5)
                    rendered = render_message(step.render(preview), MrkdwnRenderer())
                    rules.check_message(rendered)
                    assert check_blocks(rendered.blocks) == []


def test_the_pages_of_an_installation_show_words_and_nothing_else() -> None:
    for shown in (oauth.installed_page(f"<script>{ODD}"), oauth.not_installed_page(f"<img onerror=x>{ODD}")):
        text = shown.body
        assert "<script" not in text
        assert "<img" not in text
        assert "&lt;!channel&gt;" in text
