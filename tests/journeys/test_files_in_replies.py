"""Files of a reply: copies for the customer, each a message of its own."""

from __future__ import annotations

from bot.model.inbound import File, Submission
from bot.model.views import Audience, Mention, SharedFile
from tests.harness import ALICE, BOB, S2, DeskInMemory, done, form_of
from tests.journeys.conftest import OpenDesk
from tests.journeys.test_who_is_notified import notified

LOG, PICTURE = File("error.log", "https://vendor.slack.com/F1", "F1"), File("bill.png", "", "F2")


async def replies(desk: DeskInMemory, key: str, *files: File) -> bool:
    form = form_of(await desk.presses(BOB, "Reply", key))
    assert form.takes_files
    values = {"text": ("See the log.",), "next": ("we",)}
    sent = Submission(desk.envelope(), desk.clock.now(), BOB, form.id, values, form.context, files)
    return done(await desk.answers(sent))


def copies(desk: DeskInMemory) -> list[SharedFile]:
    return [message.view for message in desk.posted if isinstance(message.view, SharedFile)]


async def test_each_is_a_message_in_the_customers_thread(a_desk: OpenDesk) -> None:
    """It notifies nobody; agents read the names in triage."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    before = notified(desk)
    assert await replies(desk, key, LOG, PICTURE)
    bob = Mention(BOB.user, "Bob")
    assert copies(desk) == [SharedFile("error.log", "F1", bob), SharedFile("bill.png", "F2", bob)]
    root = desk.card(key).ref
    assert {m.thread for m in desk.posted if isinstance(m.view, SharedFile)} == {root}
    assert notified(desk) - before == {"Alice": 1}
    assert "error.log" in desk.thread(key, Audience.AGENTS)[-1]


async def test_a_lost_answer_is_told_to_agents_and_not_retried(a_desk: OpenDesk) -> None:
    """The copy may have arrived, and nobody can look it up; the reply itself counts."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await desk.presses(BOB, "Reply", key))
    desk.chat.loses_files = True
    values = {"text": ("See the log.",), "next": ("we",)}
    sent = Submission(desk.envelope(), desk.clock.now(), BOB, form.id, values, form.context, (LOG,))
    await desk.answers(sent)
    await desk.fast_forward(hours=1)
    assert len(copies(desk)) == 1
    told = [said for said in desk.thread(key, Audience.AGENTS) if "Not delivered" in said]
    assert told == [
        f"{key} Not delivered: a file for the customer (error.log: it is not known whether it arrived)."
    ]
    assert desk.standing(key)[0] == "met"
