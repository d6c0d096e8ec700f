"""Block Kit limits, one fault at a time."""

from typing import Any

import pytest

from demo.slack.limits import check_blocks, check_view

Json = dict[str, Any]


def plain(words: str) -> Json:
    return {"type": "plain_text", "text": words}


def button(label: str = "Go", **more: Any) -> Json:
    return {"type": "button", "text": plain(label), **more}


def menu(count: int = 1, **more: Any) -> Json:
    options = [{"text": plain(f"o{n}"), "value": str(n)} for n in range(count)]
    return {"type": "static_select", "action_id": "m", "options": options, **more}


def actions(*parts: Json) -> Json:
    return {"type": "actions", "elements": list(parts)}


def asks(element: Json, **more: Any) -> Json:
    return {"type": "input", "label": plain("Label"), "element": element, **more}


def form(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": plain("T"), "submit": plain("Send"), "blocks": list(blocks), **more}


TYPE_IN: Json = {"type": "plain_text_input", "action_id": "a"}
SECTION: Json = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000, "verbatim": True}}

GOOD_BLOCKS: list[list[Json]] = [
    [SECTION] * 50,
    [{"type": "section", "fields": [plain("x" * 2000)] * 10, "accessory": button(action_id="a")}],
    [{"type": "header", "text": plain("x" * 150)}, {"type": "divider"}],
    [actions(*(button("x" * 75, action_id=str(n), value="v" * 2000, style="danger") for n in range(25)))],
    [actions(menu(100)), actions({**menu(5), "type": "overflow"})],
    [
        {
            "type": "context",
            "elements": [plain("x"), {"type": "image", "image_url": "https://x", "alt_text": "x"}],
        }
    ],
    [
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}],
        }
    ],
    [{"type": "markdown", "text": "x" * 12_000}],
]


@pytest.mark.parametrize("blocks", GOOD_BLOCKS)
def test_content_at_the_limit_passes(blocks: list[Json]) -> None:
    assert check_blocks(blocks) == []


BAD_BLOCKS: list[tuple[list[Json], str, str]] = [
    ([SECTION] * 51, "no more than 50 items", "/blocks"),
    ([{"type": "callout"}], "unsupported type: callout", "/blocks/0"),
    ([{"type": "section"}], "missing required field: text or fields", "/blocks/0"),
    ([{"type": "section", "text": plain("x" * 3001)}], "less than 3001", "/blocks/0/text/text"),
    ([{"type": "section", "text": plain("")}], "more than 0", "/blocks/0/text/text"),
    ([{"type": "section", "fields": [plain("x" * 2001)]}], "less than 2001", "/blocks/0/fields/0/text"),
    ([{"type": "section", "fields": [plain("x")] * 11}], "no more than 10", "/blocks/0/fields"),
    ([{"type": "section", "text": plain("x"), "color": "red"}], "additional property: color", "/blocks/0"),
    ([{"type": "header", "text": plain("x" * 151)}], "less than 151", "/blocks/0/text/text"),
    ([{"type": "divider", "block_id": "a"}] * 2, "block_id must be unique: a", "/blocks/1/block_id"),
    ([{"type": "divider", "block_id": "a" * 256}], "less than 256", "/blocks/0/block_id"),
    ([actions(button("x" * 76))], "less than 76", "/blocks/0/elements/0/text/text"),
    ([actions(button(value="x" * 2001))], "less than 2001", "/blocks/0/elements/0/value"),
    ([actions(button(style="calm"))], "primary, danger", "/blocks/0/elements/0/style"),
    ([actions(button(action_id="a"), button(action_id="a"))], "action_id must be unique", "/blocks/0"),
    ([actions(*[button()] * 26)], "no more than 25", "/blocks/0/elements"),
    ([actions()], "no fewer than 1", "/blocks/0/elements"),
    ([actions(menu(101))], "no more than 100", "/blocks/0/elements/0/options"),
    ([actions(menu(0))], "no fewer than 1", "/blocks/0/elements/0/options"),
    ([actions({**menu(6), "type": "overflow"})], "no more than 5", "/blocks/0/elements/0/options"),
    ([actions(menu(placeholder=plain("x" * 151)))], "less than 151", "/blocks/0/elements/0/placeholder/text"),
    (
        [actions(menu(initial_option={"text": plain("z"), "value": "z"}))],
        "exactly match",
        "/blocks/0/elements/0",
    ),
    ([actions(TYPE_IN)], "unsupported type: plain_text_input", "/blocks/0/elements/0"),
    ([{"type": "context", "elements": [plain("x")] * 11}], "no more than 10", "/blocks/0/elements"),
    ([{"type": "markdown", "text": "x" * 7000}] * 2, "12001", "/blocks"),
    ([{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}] * 2, "one table", "/blocks"),
    (
        [{"type": "header", "text": {"type": "plain_text", "text": "x", "verbatim": True}}],
        "additional property: verbatim",
        "/blocks/0/text",
    ),
    (
        [actions(button(confirm={"title": plain("x" * 101), "text": plain("?"), "confirm": plain("y")}))],
        "missing required field: deny",
        "/blocks/0/elements/0/confirm",
    ),
]


@pytest.mark.parametrize(("blocks", "words", "at"), BAD_BLOCKS)
def test_content_over_the_limit_is_reported_with_its_place(blocks: list[Json], words: str, at: str) -> None:
    faults = check_blocks(blocks)
    assert len(faults) == 1
    assert words in faults[0]
    assert faults[0].endswith(f"[json-pointer:{at}]")


BAD_VIEWS: list[tuple[Json, str]] = [
    (form(title=plain("x" * 25)), "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"),
    (form(private_metadata="x" * 3001), "less than 3001"),
    (form(callback_id="x" * 256), "less than 256"),
    (form(*[SECTION] * 101), "no more than 100 items"),
    (form(asks(TYPE_IN), submit=None), "missing required field: submit"),
    (form(asks(button())), "unsupported type: button"),
    (form(asks({**TYPE_IN, "max_length": 3001})), "from 1 to 3000"),
    (form(asks({**TYPE_IN, "max_length": 2, "initial_value": "abc"})), "less than 3"),
    (form(asks(TYPE_IN, hint=plain("x" * 2001))), "less than 2001"),
    (
        form(asks({**TYPE_IN, "focus_on_load": True}), asks({**TYPE_IN, "focus_on_load": True})),
        "focus_on_load",
    ),
    (form(hash="1"), "additional property: hash"),
    ({"type": "home", "blocks": [], "title": plain("T")}, "additional property: title"),
    ({"type": "modal", "blocks": []}, "missing required field: title"),
]


@pytest.mark.parametrize(("view", "words"), BAD_VIEWS)
def test_views_are_held_to_their_limits(view: Json, words: str) -> None:
    faults = check_view(view)
    assert len(faults) == 1
    assert words in faults[0]


def test_a_whole_form_passes() -> None:
    kinds = (
        "email_text_input",
        "url_text_input",
        "datepicker",
        "timepicker",
        "users_select",
        "datetimepicker",
    )
    inputs = [asks({"type": kind, "action_id": kind}, block_id=kind) for kind in kinds]
    choice = asks({**menu(10), "type": "checkboxes"}, block_id="c")
    assert check_view(form(asks(TYPE_IN), asks(menu(), block_id="m"), choice, *inputs)) == []
