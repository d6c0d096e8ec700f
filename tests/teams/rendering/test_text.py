from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from adapters.teams.rendering.card_parts import paragraphs
from adapters.teams.rendering.cards import view_card
from adapters.teams.rendering.text import (
    CardTextRenderer,
    cut,
    escape_line_start,
    escape_markdown,
    label,
    length,
    pieces,
    runs,
)
from bot.model.address import UserRef
from bot.model.views import Link, Mention, Notice, Part, Quote, Strong, When
from bot.text import clean, one_line
from tests.samples import BOB, DANA, KIM
from tests.teams.rules import CARD_TEXT, check_card, markdown, texts

SPICE = [
    *"*_~`<>&|[]()#-+=!\\{} \na1.;:",
    "**b**",
    "__i__",
    "~~s~~",
    "```",
    "[x](https://e.example)",
    "![x](https://e.example)",
    "<https://e.example>",
    "<at>Bob</at>",
    "</at>",
    "<AT>",
    "{{DATE(2026-03-20T15:30:00Z,SHORT)}}",
    "{{TIME(2026-03-20T15:30:00Z)}}",
    "{{",
    "&lt;at&gt;",
    "&#60;",
    "1. one",
    "- item",
    "# title",
    "> quote",
    "---",
    "===",
    "a | b\n--|--\nc | d",
    "\u202e",
]
nasty = st.lists(st.sampled_from(SPICE) | st.text(max_size=4), max_size=12).map("".join)
NOON = datetime(2026, 3, 20, 15, 30, tzinfo=UTC)
READ = "{{DATE(2026-03-20T15:30:00Z,SHORT)}}, {{TIME(2026-03-20T15:30:00Z)}}"
DATED = f"{READ} (Fri 15:30 UTC)"
READER = MarkdownIt("js-default")


def read(text: str) -> tuple[str, set[str]]:
    """The words that a reader of Markdown sees, and the kinds of everything else in them."""
    blocks = READER.parse(text)
    kinds = {block.type for block in blocks} - {"paragraph_open", "paragraph_close", "inline"}
    inlines = [child for block in blocks for child in block.children or ()]
    kinds |= {child.type for child in inlines} - {"text"}
    return "".join(child.content for child in inlines), kinds


@given(nasty)
def test_text_is_never_read_as_markdown(words: str) -> None:
    sent = escape_line_start(escape_markdown(words))
    shown, kinds = read(sent)
    assert kinds == set()
    assert shown == sent.strip()
    assert not re.search(r"[<>]|\{\{|&#?\w+;", sent)


@given(nasty, nasty)
def test_two_harmless_parts_stay_harmless_when_joined(first: str, second: str) -> None:
    sent = escape_line_start(escape_markdown(first) + escape_markdown(second))
    shown, kinds = read(sent)
    assert kinds == set()
    assert shown == sent.strip()
    assert not re.search(r"[<>]|\{\{|&#?\w+;", sent)


@given(nasty)
def test_text_runs_are_exact_and_contain_no_token(words: str) -> None:
    made = runs(words)
    exact = clean(words)
    indents = re.compile(r"^[ \t\u00a0]+", re.MULTILINE)
    joined = "".join(run["text"] for run in made)
    assert indents.sub("", joined) == indents.sub("", exact)
    for run in made:
        assert run["text"]
        assert not re.search(r"\{\{|<at|</at", run["text"], re.IGNORECASE)


def test_indents_stay_visible() -> None:
    assert [run["text"] for run in runs("if x:\n  go\n\tend")] == [
        "if x:\n\u00a0\u00a0go\n\u00a0\u00a0\u00a0\u00a0end"
    ]


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9.,:;!?/()' äöü日本-]*", fullmatch=True))
def test_ordinary_text_is_unchanged(words: str) -> None:
    assert escape_line_start(escape_markdown(words)) == re.sub(r"\s+", " ", words)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("user_id is null", "user_id is null"),
        ("__init__ fails", "ˍˍinitˍˍ fails"),
        ("*loud*", "∗loud∗"),
        ("a & b &lt; c", "a & b ＆lt; c"),
        ("- item", "‐ item"),
        ("1. one", "1․ one"),
        ("1.5 GB", "1.5 GB"),
        ("#7", "＃7"),
        ("if a > b", "if a › b"),
        ("<at>Bob</at>", "‹at›Bob‹/at›"),
        ("{{DATE(x)}} {a}", "｛{DATE(x)}} {a}"),
        ("[x](y)", "［x］(y)"),
        ("C:\\temp", "C:∖temp"),
        ("two\nlines", "two lines"),
        ("tab\there\x07 \u202eevil\u2066", "tab here evil"),
    ],
)
def test_text_is_escaped_as_in_these_examples(typed: str, sent: str) -> None:
    assert escape_line_start(escape_markdown(typed)) == sent


parts = st.lists(
    nasty | nasty.map(Strong) | nasty.map(Quote) | nasty.map(lambda text: Link("https://x.example/a", text)),
    max_size=6,
)


@given(parts, nasty)
def test_a_sentence_holds_our_mentions_and_dates_and_no_others(said: list[Part], name: str) -> None:
    bob = Mention(BOB, name)
    made = view_card(Notice((*said, bob, *said, When(NOON), *said)), CARD_TEXT).content
    check_card(made)
    written = "\n".join(markdown(made))
    entities = made["msteams"].get("entities", [])
    assert len(entities) == (1 if one_line(name) else 0)
    assert written.count("<at>") == len(entities)
    assert sum(text.count("{{") for text in texts(made)) == 2
    for entity in entities:
        assert entity["mentioned"]["id"] == f"29:1-{BOB.id}"
        assert entity["text"] in written
        assert not re.search(r"[<>]", entity["text"].removeprefix("<at>").removesuffix("</at>"))


@given(st.lists(nasty | nasty.map(Quote), max_size=6))
def test_text_from_people_creates_no_date_mention_or_link(said: list[Part]) -> None:
    made = view_card(Notice((*said, "end")), CARD_TEXT).content
    check_card(made)
    assert markdown(made) == []
    assert "selectAction" not in str(made)
    assert "entities" not in made["msteams"]
    assert not any("{{" in text for text in texts(made))


@given(nasty, st.integers(10, 60))
def test_pieces_join_to_the_whole(words: str, longest: int) -> None:
    found = list(pieces(words, longest))
    assert "".join(found) == words
    assert all(0 < length(piece) <= longest for piece in found)


@given(nasty, st.integers(5, 40))
def test_cut_text_ends_with_an_ellipsis(words: str, longest: int) -> None:
    short = cut(words, longest)
    assert length(short) <= longest
    assert short == one_line(words) or short.endswith("…")
    assert read(label(words, longest))[1] == set()


def test_instants_use_the_date_function() -> None:
    assert CardTextRenderer().when(NOON) == DATED
    assert CardTextRenderer().reader_time(NOON) == READ
    berlin = CardTextRenderer(ZoneInfo("Europe/Berlin"), plain_dates=True)
    assert berlin.when(NOON) == "Fri 20 Mar 2026, 16:30 CET" == berlin.reader_time(NOON)
    assert "(Fri 16:30 CET)" in CardTextRenderer(ZoneInfo("Europe/Berlin")).when(NOON)


def test_mentions_are_of_people_teams_knows() -> None:
    stranger = UserRef("teams", "t", "unknown")
    names = (Mention(BOB, "Bob"), Mention(KIM, "Kim"), Mention(stranger, "Sam"))
    assert CARD_TEXT.mentions(names) == {
        names[0]: {
            "type": "mention",
            "text": "<at>Bob</at>",
            "mentioned": {"id": f"29:1-{BOB.id}", "name": "Bob"},
        }
    }
    assert CardTextRenderer().mentions(names) == {}
    [block] = paragraphs(CARD_TEXT, ("Hello ", *names), CARD_TEXT.mentions(names))
    assert block["text"] == "Hello <at>Bob</at>KimSam"


def test_two_people_of_one_name_are_two_mentions() -> None:
    names = (Mention(BOB, "Alex"), Mention(DANA, "Alex"), Mention(BOB, "Alex"))
    made = view_card(Notice(names), CARD_TEXT).content
    told = {entity["text"]: entity["mentioned"]["id"] for entity in made["msteams"]["entities"]}
    assert told == {"<at>Alex</at>": f"29:1-{BOB.id}", "<at>Alex (2)</at>": f"29:1-{DANA.id}"}


def test_a_mention_may_not_be_borrowed() -> None:
    """Somebody types the very tag that we write."""
    made = view_card(
        Notice((Mention(BOB, "Bob"), " <at>Bob</at> ", Quote("<at>Bob</at>"))), CARD_TEXT
    ).content
    assert sum("<at>Bob</at>" in text for text in texts(made)) == 1
    assert markdown(made) == ["<at>Bob</at> ‹at›Bob‹/at›"]


def test_only_safe_links_are_linked() -> None:
    def shown(*said: Part) -> object:
        return view_card(Notice(said), CARD_TEXT).content["body"][0]

    good, bad = Link("https://x.example/?a&b", "a [b]"), Link("javascript:alert(1)", "x")
    assert shown(good) == {
        "type": "RichTextBlock",
        "inlines": [
            {
                "type": "TextRun",
                "text": "a [b]",
                "selectAction": {"type": "Action.OpenUrl", "url": "https://x.example/?a&b"},
            }
        ],
    }
    assert "selectAction" not in str(shown(bad))
    assert markdown({"body": [shown(Mention(BOB, "Bob"), good, " ", bad)]}) == [
        "<at>Bob</at>[a ［b］](https://x.example/?a&b) x (javascript:alert(1))"
    ]


def test_long_sentences_keep_every_word() -> None:
    said: tuple[Part, ...] = (*(f"word{number} & " for number in range(1000)), When(NOON), Strong("end"))
    blocks = list(paragraphs(CardTextRenderer(), said, {}))
    assert len(blocks) > 5
    joined = "".join(run["text"] for block in blocks for run in block["inlines"])
    assert joined == "".join(f"word{number} & " for number in range(1000)) + DATED + "end"
