from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.teams.rendering.dialogs import (
    FORM_DATA,
    FormValues,
    dialog,
    form_card,
    holds_form,
    message_dialog,
    read_form,
)
from adapters.teams.rendering.text import MOST_BYTES, MOST_FORM, size
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.views import Mention
from sla_core.triage import Option
from tests.samples import AGENTS, BOB, FORM, MARKS, RECEIPT
from tests.teams.rules import CARD_TEXT, check_card, elements, task, texts


def inputs(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in elements(card["body"]) if item["type"].startswith("Input.")}


def sent(card: dict[str, Any], **typed: str) -> dict[str, Any]:
    """What a client sends: the button's data and the value of each input."""
    action, *_ = card["actions"]
    left = {name: item["value"] for name, item in inputs(card).items() if "value" in item}
    return {**action["data"], **left, **typed}


def content(form: Form) -> dict[str, Any]:
    made: dict[str, Any] = dialog(form, CARD_TEXT).value.card.content
    return made


def test_a_form_comes_back_as_it_was_shown() -> None:
    for card in (form_card(FORM, CARD_TEXT), content(FORM)):
        assert read_form(sent(card)) == FormValues(
            "intake",
            {
                "summary": ("Bills <slow>",),
                "details": (),
                "production": ("part",),
                "seen": ("slow", "lost"),
                "account": (),
            },
            {**FORM.context},
            cancelled=False,
        )
        again = read_form(sent(card, summary="", details="a,b\r\nc\x00", account="a3", seen="error"))
        assert again.values == {
            "summary": (),
            "details": ("a,b\nc",),
            "production": ("part",),
            "seen": ("error",),
            "account": ("a3",),
        }


def test_inputs_carry_labels_limits_and_choices() -> None:
    found = inputs(form_card(FORM, CARD_TEXT))
    assert list(found) == [field.id for field in FORM.fields]
    assert [item["label"] for item in found.values()] == [field.label for field in FORM.fields]
    assert [item.get("isRequired", False) for item in found.values()] == [f.required for f in FORM.fields]
    assert all("errorMessage" in item for item in found.values() if item.get("isRequired"))
    assert found["summary"]["maxLength"] == 200
    assert not found["summary"]["isMultiline"]
    assert found["details"]["isMultiline"]
    assert found["production"]["style"] == "expanded"
    assert found["account"]["style"] == "compact"
    assert found["seen"]["isMultiSelect"]
    assert [choice["title"] for choice in found["seen"]["choices"]] == ["Slow ∗pages∗", "Errors", "Lost data"]


def test_errors_stand_below_their_fields_and_typed_text_is_kept() -> None:
    typed = {"summary": ("<at>x</at>",), "details": ("d" * 4000,), "seen": ("error",)}
    card = content(FORM.rejected(typed, FORM.errors))
    order = [str(item.get("id") or item["inlines"][-1]["text"]) for item in card["body"]]
    assert order.index("⚠️ Please look again.") < order.index("summary")
    assert order[order.index("summary") + 1] == "⚠️ Please write a few more words."
    assert order[order.index("account") + 1] == "⚠️ Please choose."
    assert read_form(sent(card)).values["summary"] == typed["summary"]
    assert read_form(sent(card)).values["details"] == typed["details"]
    assert inputs(card)["details"]["maxLength"] == 4000
    assert read_form(sent(card)).values["seen"] == ("error",)


def test_a_dialog_continues_the_task_module() -> None:
    shown = task(dialog(FORM, CARD_TEXT))["task"]
    assert shown["type"] == "continue"
    value = shown["value"]
    assert (value["title"], value["height"], value["width"]) == (FORM.title, "large", "medium")
    assert value["card"]["contentType"] == "application/vnd.microsoft.card.adaptive"
    [action] = value["card"]["content"]["actions"]
    assert (action["type"], action["title"]) == ("Action.Submit", "Open ticket")


def test_a_form_as_a_card_can_be_cancelled() -> None:
    """A dialog has a cross for that."""
    submit, cancel = form_card(FORM, CARD_TEXT)["actions"]
    assert (submit["type"], submit["verb"], submit["title"]) == ("Action.Execute", "submit", "Open ticket")
    assert (cancel["type"], cancel["verb"], cancel["title"]) == ("Action.Execute", "cancel", "Cancel")
    assert cancel["associatedInputs"] == "none", "or Teams asks for the required ones first"
    for action in (submit, cancel):
        assert action["fallback"]["data"] == action["data"]
    assert read_form(cancel["data"]) == FormValues("intake", {}, {**FORM.context}, cancelled=True)


def test_a_closing_dialog_shows_a_view_without_buttons() -> None:
    for view in (RECEIPT, AGENTS):
        made = message_dialog("Why?", view, CARD_TEXT).value.card.content
        check_card(made)
        assert not [item for item in elements(made) if item["type"].startswith("Action")]
        assert view is RECEIPT or AGENTS.answers[0][1] in str(made), "what a button would unfold is shown"


def test_teams_accepts_the_form() -> None:
    check_card(form_card(FORM, CARD_TEXT))
    check_card(content(FORM))
    check_card(content(replace(FORM, intro=("Ask ", Mention(BOB, "Bob")))))


def test_teams_accepts_the_longest_form() -> None:
    options = tuple(Option(f"{number}", MARKS * (1 + number % 9)) for number in range(60))
    fields = (
        TextField("text", MARKS * 400, hint=MARKS * 400, value="🖨" * 3000, limit=99_999),
        ChoiceField("few", MARKS, options[:10], value=("3",)),
        ChoiceField("some", "", options[:10], many=True, value=("3", "4")),
        ChoiceField("more", MARKS, options, value=("59",)),
    )
    form = Form("f" * 200, MARKS * 9, MARKS * 9, fields, {"a": "b"}, (MARKS * 900,), {"few": MARKS * 99})
    for card in (form_card(form, CARD_TEXT), content(form)):
        check_card(card, MOST_FORM)
        assert any("more characters" in text for text in texts(card))
        assert read_form(sent(card)).values["text"] == ("🖨" * 3000,)


def test_a_long_introduction_is_cut_first() -> None:
    card = form_card(replace(FORM, intro=("word " * 20_000,)), CARD_TEXT)
    check_card(card)
    assert size(card) > MOST_BYTES - 3000
    shown = "".join(text for text in texts(card) if text.startswith("word"))
    [rest] = [text for text in texts(card) if "more characters" in text]
    assert rest == f"… {100_000 - len(shown):,} more characters"


@pytest.mark.parametrize(
    ("form", "why"),
    [
        (replace(FORM, context={"x": "y" * 4000}), "hidden bytes"),
        (replace(FORM, fields=(TextField(FORM_DATA, "x"),)), "cannot tell apart"),
        (replace(FORM, fields=(TextField("msteams", "x"),)), "cannot tell apart"),
        (replace(FORM, fields=(TextField("a", "x"), TextField("a", "y"))), "cannot tell apart"),
        (replace(FORM, fields=(TextField("", "x"),)), "cannot tell apart"),
        (
            replace(FORM, fields=(ChoiceField("a", "x", (Option("b,c", "d"),), many=True),)),
            "does not take",
        ),
        (replace(FORM, fields=(TextField("a", "x", value="y" * 50_000),)), "bytes; Teams takes"),
    ],
)
def test_a_form_that_teams_could_not_return_raises(form: Form, why: str) -> None:
    for show in (form_card, dialog):
        with pytest.raises(ValueError, match=why):
            show(form, CARD_TEXT)


GOOD = {"form": "f", "context": {"a": "b"}, "text": ["t"], "one": [], "many": []}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {FORM_DATA: None},
        {FORM_DATA: "x"},
        {FORM_DATA: {}},
        {FORM_DATA: {**GOOD, "form": 1}},
        {FORM_DATA: {**GOOD, "form": ""}},
        {FORM_DATA: {**GOOD, "context": []}},
        {FORM_DATA: {**GOOD, "context": {"a": 1}}},
        {FORM_DATA: {**GOOD, "text": "t"}},
        {FORM_DATA: {**GOOD, "many": [{}]}},
        {FORM_DATA: GOOD, "t": 5},
        {FORM_DATA: GOOD, "t": ["x"]},
    ],
)
def test_malformed_form_data_raises(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"form|field"):
        read_form(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
held = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("form", "context", "text", "one", "many"), json_values)
)


@given(st.dictionaries(st.text(max_size=3), json_values, max_size=3), held | json_values)
def test_any_form_data_is_read_or_raises_value_error(data: dict[str, Any], carried: Any) -> None:
    whole = {**data, FORM_DATA: carried}
    assert holds_form(whole)
    try:
        found = read_form(whole)
    except ValueError:
        return
    assert found.form
    assert all(isinstance(text, str) for given_ in found.values.values() for text in given_)
