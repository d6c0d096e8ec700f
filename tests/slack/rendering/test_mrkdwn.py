from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.rendering.block_kit import (
    LONGEST,
    MrkdwnRenderer,
    cut,
    escape_mrkdwn,
    is_inert,
    pieces,
    quoted,
    rich,
    size,
    strong,
)
from adapters.slack.rendering.messages import render_message
from bot.model.address import UserRef
from bot.model.views import Link, Mention, Notice, Part, Quote, Strong, When
from bot.text import one_line
from demo.slack.state import Workspace
from demo.slack.text import mrkdwn, unescaped
from tests.slack.rules import check_message

SPICE = [
    "*",
    "_",
    "~",
    "`",
    "```",
    "<",
    ">",
    "&",
    "&gt;",
    "<!here>",
    "<@U0BOB>",
    "<#C0ACME>",
    "|",
    "\n",
    " ",
    "a",
]
SPICE += [
    "<!date^1^{date}|x>",
    "<https://x.example|y>",
    "@channel",
    "&lt;!here&gt;",
    "*b*",
    "_i_",
    "~s~",
    "`c`",
    "> q",
]
nasty = st.lists(st.sampled_from(SPICE) | st.text(max_size=4), max_size=12).map("".join)
NOON = datetime(2026, 3, 20, 15, 30, tzinfo=UTC)
WORLD = Workspace("T0VENDOR", "vendor", "Frontline", lambda: 0.0)
BACK = str.maketrans("∗ˍ∼ˋ›", "*_~`>")


@given(nasty)
def test_text_is_never_read_as_markup(words: str) -> None:
    sent = escape_mrkdwn(words)
    assert "<" not in sent
    assert ">" not in sent
    assert not re.search(r"&(?!amp;|lt;|gt;)", sent)
    assert not re.search(r"[*~`]", sent)
    assert not re.search(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", sent)
    assert not re.search(r"^\s*(>|&gt;)", sent, re.MULTILINE)
    # A strict reader finds nothing to render, and reads the words back.
    assert mrkdwn(WORLD, sent, "UTC") == unescaped(sent)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))))
def test_escaped_text_keeps_its_letters(words: str) -> None:
    assert unescaped(escape_mrkdwn(words)).translate(BACK) == words.translate(BACK)


@given(st.from_regex(r"[A-Za-z0-9.,:;!?/()' äöü日本-]*", fullmatch=True))
def test_ordinary_text_is_unchanged(words: str) -> None:
    assert escape_mrkdwn(words) == words
    assert is_inert(words)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("user_id is null", "user_id is null"),
        ("__init__ fails", "ˍˍinitˍˍ fails"),
        ("*loud*", "∗loud∗"),
        ("a & b < c", "a &amp; b &lt; c"),
        ("> said\n  > so", "› said\n  › so"),
        ("if a > b", "if a &gt; b"),
        ("tab\there\x07 \u202eevil\u2066", "tab\there evil"),
    ],
)
def test_text_is_escaped_as_in_these_examples(typed: str, sent: str) -> None:
    assert escape_mrkdwn(typed) == sent


@given(nasty, nasty, nasty)
def test_no_part_of_a_sentence_spills_into_another(first: str, second: str, third: str) -> None:
    parts: tuple[Part, ...] = (
        first,
        " ",
        Strong(second),
        " ",
        Quote(third),
        Link("https://x.example", first),
    )
    line = MrkdwnRenderer().line(parts)
    tokens = re.findall(r"<[^>]*>", line)
    assert len(tokens) == 1
    assert tokens[0].startswith("<https://x.example")
    bold = re.findall(r"\*", line)
    assert len(bold) == (2 if one_line(second) else 0)
    assert not re.search(r"[~`]", line)


@given(st.lists(nasty | nasty.map(Strong) | nasty.map(Quote) | st.just(When(NOON)), max_size=8))
def test_slack_accepts_any_notice(parts: list[Part]) -> None:
    check_message(render_message(Notice((*parts, "end")), MrkdwnRenderer()))


@given(nasty)
def test_quotations_are_exact(words: str) -> None:
    blocks = list(rich(MrkdwnRenderer(), (Quote(words),)))
    shown = "\n".join(block["text"]["text"] for block in blocks)
    exact = words.replace("\r\n", "\n").replace("\r", "\n")
    exact = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", "", exact).strip(
        "\n"
    )
    if not exact.strip():
        assert blocks == []
    elif blocks[0]["text"]["type"] == "mrkdwn":
        assert mrkdwn(WORLD, shown) == quoted(exact)
        assert shown.removeprefix("> ").replace("\n> ", "\n") == exact
    else:
        assert shown == f"“{exact}”"


@given(nasty, st.integers(10, 60))
def test_pieces_join_to_the_whole(words: str, longest: int) -> None:
    text = words.encode("utf-8", "ignore").decode()
    found = list(pieces(text, longest))
    assert "".join(found) == text
    assert all(0 < size(piece) <= longest for piece in found)


@given(nasty, st.integers(5, 40))
def test_cut_text_ends_with_an_ellipsis(words: str, longest: int) -> None:
    text = words.encode("utf-8", "ignore").decode()
    short = cut(text, longest)
    assert size(short) <= longest
    assert short == one_line(text) or short.endswith("…")


def test_bold_keeps_blanks_outside() -> None:
    assert strong(" due ") == " *due* "
    assert strong("a\nb") == "*a b*"
    assert strong("  ") == ""


def test_instants_use_date_tokens() -> None:
    named = "Fri 20 Mar 2026, 15:30 UTC"
    token = f"<!date^1774020600^{{date_short_pretty}} at {{time}}|{named}>"
    assert MrkdwnRenderer().line((When(NOON),)) == f"{token} (Fri 15:30 UTC)"
    assert MrkdwnRenderer().reader_time(NOON) == token
    berlin = MrkdwnRenderer(plain_dates=True, zone=ZoneInfo("Europe/Berlin"))
    assert berlin.line((When(NOON),)) == "Fri 20 Mar 2026, 16:30 CET" == berlin.reader_time(NOON)
    odd = MrkdwnRenderer(plain_dates=True, zone=timezone(timedelta(hours=5, minutes=30), "<b>&"))
    assert odd.line((When(NOON),)) == "Fri 20 Mar 2026, 21:00 &lt;b&gt;&amp;"


def test_mentions_and_links() -> None:
    renderer = MrkdwnRenderer()
    assert renderer.line((Mention(UserRef("slack", "T0VENDOR", "U0BOB"), "Bob"),)) == "<@U0BOB>"
    assert renderer.line((Mention(UserRef("teams", "x", "y"), "Bob <!here>"),)) == "Bob &lt;!here&gt;"
    assert renderer.line((Mention(UserRef("slack", "T0", "U0>x"), "Bob"),)) == "Bob"
    assert renderer.line((Link("https://x.example/?a&b", "a|b>"),)) == "<https://x.example/?a&amp;b|a¦b&gt;>"
    assert renderer.line((Link("javascript:alert(1)", "x"),)) == "x (javascript:alert(1))"
    assert renderer.line((Link("https://x.example/|<!here>", "x"),)) == "x (https://x.example/|&lt;!here&gt;)"


def test_long_sentences_keep_every_word_and_token() -> None:
    parts: tuple[Part, ...] = (*(f"word{number} & " for number in range(2000)), When(NOON), Strong("end"))
    texts = list(MrkdwnRenderer().chunks(parts))
    assert len(texts) > 5
    assert all(len(text) <= LONGEST for text in texts)
    assert "".join(texts) == MrkdwnRenderer().line(parts)
