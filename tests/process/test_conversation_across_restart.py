"""A member of the customer's own workspace answers question by question, over a real restart."""

from __future__ import annotations

from pathlib import Path

from demo.slack import Message
from sla_core.events import Opened
from tests.process.live_site import LiveSite


async def test_killed_between_two_questions_it_goes_on_where_it_was(tmp_path: Path) -> None:
    async with LiveSite(tmp_path) as site:
        await site.opens()
        slack, ann = site.slack, site.ann

        def asked() -> Message:
            ours = [m for m in site.acme.messages if m.user == slack.bot.id and m.is_reply]
            return next(m for m in reversed(ours) if slack.buttons(m))

        said = await slack.say(ann, site.acme, f"{slack.mention} Bills are slow")
        await site.until(lambda: any(m.is_reply for m in site.acme.messages))
        assert (await slack.press(ann, asked(), "Answer here")).ok
        await site.until(lambda: "Details" in slack.text_of(asked()))
        await slack.say(ann, site.acme, "Since this morning", said)
        await site.killed()

        await site.opens()
        for number in ("1", "3", "2"):
            await slack.say(ann, site.acme, number, said)
        await site.until(lambda: "Open ticket" in slack.buttons(asked()))
        assert (await slack.press(ann, asked(), "Open ticket")).ok
        await site.until(lambda: site.cards(site.acme, "ACME-1"))
        assert await site.stopped() == 0

        ((opened, *_),) = (await site.history()).values()
        assert isinstance(opened, Opened)
        assert (opened.summary, opened.details) == ("Bills are slow", "Since this morning")
        assert opened.by.name == "Ann"
        assert {ack.status for ack in slack.acks if ack.kind != "message"} == {200}
