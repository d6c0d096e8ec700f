"""Customers' text is shown as text only: on every platform, in every view, in every part of it."""

from __future__ import annotations

import pytest

from tests.platforms.views import views
from tests.platforms.workplace import Workplace, letters

NASTY = (
    "<!here> <!channel> <!everyone>",
    "<@U0BOB> <#C0ACME> <!subteam^S0SUPPORT>",
    "<https://evil.example|click me>",
    "*bold* _italic_ ~struck~ `code`",
    "**bold** __init__ ~~struck~~",
    "> quoted",
    "&gt; quoted &lt;!here&gt; &amp;lt;",
    "<!date^0^{date}|never>",
    "<at>Bob</at> <AT id=1>Bob</AT>",
    "[click me](https://evil.example) ![x](https://evil.example/x.png)",
    "[x]: https://evil.example",
    "{{DATE(2026-03-20T15:30:00Z,SHORT)}} {{TIME(2026-03-20T15:30:00Z)}}",
    "{ {DATE(2026-03-20T15:30:00Z)}}",
    "# title",
    "- item",
    "1. item",
    "--- ===",
    "```fenced```",
    "[red]alarm[/red] [link=https://evil.example]x[/link]",
    "\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07x\x1b]8;;\x07",
    "wake_signal\x07 back\x08 return\rover",
    "\u202eevil\u2066 \u200fx",
    "<script>alert(1)</script> &#60;b&#62;",
    "a | b\n--|--\nc | d",
    "@channel @here @Bob",
    "\\*escaped\\* \\<!here\\>",
    "two\nlines *of\nmarks* _here\nthere_",
)


@pytest.mark.parametrize("words", NASTY)
async def test_customer_text_never_mentions_links_or_formats(workplace: Workplace, words: str) -> None:
    bob = workplace.user("Bob")
    harmless = views(bob, "two\nlines" if "\n" in words else "harmless")
    for name, view in views(bob, words).items():
        displayed = workplace.displayed(await workplace.ours.post(workplace.channel, view, None))
        calm = workplace.displayed(await workplace.ours.post(workplace.channel, harmless[name], None))
        assert displayed.live == calm.live, name
        assert displayed.labels == calm.labels
        assert letters(words) in letters(displayed.text), f"{name} does not show it"
