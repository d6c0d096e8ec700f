"""Replies: saved texts, links, and two agents who write at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.forms import ChoiceField, Form, TextField
from bot.model.inbound import Answer, FormChanged, FormClosed
from bot.model.views import Audience, Link, Mention, Notice
from tests.config.test_saved_replies import written
from tests.harness import ALICE, BOB, EVE, S2, DeskInMemory, done, form_of, rich_text
from tests.journeys.conftest import OpenDesk
from tests.journeys.test_who_is_notified import notified

LOGS = """# Ask for the logs

Hello {customer}, please send us the logs of {summary} ({key}, {severity}, {account}).
We owe you an answer by {due}. {agent}
"""


@pytest.fixture
async def desk(a_desk: OpenDesk, tmp_path: Path) -> DeskInMemory:
    written(tmp_path, logs=LOGS, thanks="Thank you.")
    return await a_desk()


def values(form: Form) -> dict[str, str]:
    return {f.id: f.value if isinstance(f, TextField) else "".join(f.value) for f in form.fields}


def intro(form: Form) -> str:
    return rich_text(form.intro)


async def chooses(desk: DeskInMemory, form: Form, saved: str, text: str = "") -> Form:
    """What a platform shows that reports a choice at once."""
    given = {"saved_reply": (saved,), "text": (text,) if text else (), "next": ("we",)}
    act = FormChanged(desk.envelope(), desk.clock.now(), BOB, form.id, given, form.context)
    return form_of(await desk.answers(act))


async def test_a_saved_reply_fills_the_form(desk: DeskInMemory) -> None:
    """With the ticket's own facts. It can be changed, and goes out as any reply does."""
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await desk.presses(BOB, "Reply", key))
    choice, text = form.fields[:2]
    assert isinstance(choice, ChoiceField)
    assert isinstance(text, TextField)
    assert [(o.id, o.label) for o in choice.options] == [
        ("logs", "Ask for the logs"),
        ("thanks", "thanks"),
    ]
    assert (form.reacts, text.required, text.filled_by) == (True, True, "saved_reply")
    filled = await chooses(desk, form, "logs")
    assert values(filled)["text"] == (
        "Hello Alice, please send us the logs of Bills are slow (ACME-1, S2, Acme GmbH).\n"
        "We owe you an answer by Fri 20 Mar 2026, 20:30 CET. Bob"
    )
    edited = values(filled)["text"] + "\nPlease zip them."
    assert done(await desk.sends(BOB, filled, text=edited))
    assert desk.thread(key)[-1].endswith("Please zip them.”  @Alice")
    assert desk.standing(key)[0] == "met"


async def test_nothing_typed_is_lost(desk: DeskInMemory) -> None:
    """Another choice replaces a saved text that was left as it was; anything else stays above it."""
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await desk.presses(BOB, "Reply", key))
    first = await chooses(desk, form, "thanks", "I had a look.")
    assert values(first)["text"] == "I had a look.\n\nThank you."
    untouched = await chooses(desk, form, "thanks")
    second = await chooses(desk, untouched, "logs", values(untouched)["text"])
    assert values(second)["text"].startswith("Hello Alice")
    texts = [f for f in second.fields if isinstance(f, TextField)]
    assert [f.edition for f in texts] == ["2"]
    again = await chooses(desk, second, "logs", "Changed.")
    assert values(again)["text"] == "Changed."
    too_long = await chooses(desk, form, "thanks", "x" * 2995)
    assert values(too_long)["text"] == "x" * 2995
    assert "too long together" in too_long.errors["saved_reply"]


async def test_where_a_choice_is_not_reported_at_once(desk: DeskInMemory) -> None:
    """Send shows the text first, and sends it the second time."""
    key = await desk.submits(ALICE, "Bills are slow", S2)
    form = form_of(await desk.presses(BOB, "Reply", key))
    shown = form_of(await desk.sends(BOB, form, saved_reply="thanks", text="Hello."))
    assert values(shown)["text"] == "Hello.\n\nThank you."
    assert intro(shown) == "Please read the saved reply before you send it."
    assert len(desk.thread(key)) == 0
    assert done(await desk.sends(BOB, shown))
    assert "Thank you." in desk.thread(key)[-1]


async def test_addresses_in_a_reply_are_links(desk: DeskInMemory) -> None:
    """A quotation shows them as text, so they follow it. A customer's words never link."""
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(
        BOB, "Reply", key, text="See https://docs.example/a_b?c=1. Then (https://x.example)!"
    )
    [notice] = [m.view for m in desk.posted if m.thread == desk.card(key).ref]
    assert isinstance(notice, Notice)
    urls = [part.url for part in notice.text if isinstance(part, Link)]
    assert urls == ["https://docs.example/a_b?c=1", "https://x.example"]
    assert notice.author == Mention(BOB.user, "Bob")
    await desk.writes(ALICE, "https://evil.example", key)
    last = [m.view for m in desk.posted if m.thread == desk.card(key, Audience.AGENTS).ref][-1]
    assert isinstance(last, Notice)
    assert not [part for part in last.text if isinstance(part, Link)]


async def test_who_else_is_writing(desk: DeskInMemory) -> None:
    """For five minutes, unless they sent it or closed it; never oneself."""
    key = await desk.submits(ALICE, "Bills are slow", S2)
    other = await desk.submits(ALICE, "Exports fail", S2)
    bobs = form_of(await desk.presses(BOB, "Reply", key))
    assert intro(bobs) == ""
    eves = form_of(await desk.presses(EVE, "Update", key))
    assert intro(eves) == "Bob has been writing a reply since Fri 20 Mar 15:30. "
    assert intro(form_of(await desk.presses(EVE, "Reply", other))) == ""
    again = form_of(await desk.presses(BOB, "Reply", key))
    assert intro(again) == "Eve has been writing an update since Fri 20 Mar 15:30. "
    closed = FormClosed(desk.envelope(), desk.clock.now(), EVE, eves.id, {}, eves.context)
    await desk.answers(closed)
    assert intro(form_of(await desk.presses(BOB, "Reply", key))) == ""
    desk.real_time_passes(minutes=6)
    assert intro(form_of(await desk.presses(EVE, "Reply", key))) == ""


async def test_what_another_sent_meanwhile_is_shown_once(desk: DeskInMemory) -> None:
    """Nothing typed is lost, nobody is notified of it, and sent again it goes out."""
    key = await desk.submits(ALICE, "Bills are slow", S2)
    bobs = form_of(await desk.presses(BOB, "Reply", key))
    eves = form_of(await desk.presses(EVE, "Update", key))
    await desk.fast_forward(minutes=4)
    assert done(await desk.sends(EVE, eves, text="It is the queue."))
    before = notified(desk)
    shown = form_of(await desk.sends(BOB, bobs, text="Which customer is it?", next="customer"))
    assert values(shown) == {"saved_reply": "", "text": "Which customer is it?", "next": "customer"}
    assert intro(shown).startswith("Eve sent an update at Fri 20 Mar 15:34: “It is the queue.” Please read")
    assert notified(desk) == before
    assert done(await desk.sends(BOB, shown))
    assert notified(desk) - before == {"Alice": 1}
    # One's own answers and those before the form are no news.
    assert done(await _replies(desk, key))


async def _replies(desk: DeskInMemory, key: str) -> Answer:
    return await desk.submits_form(BOB, "Reply", key, text="One more thing.")


async def test_an_update_says_so_as_well(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "Bills are slow", S2)
    eves = form_of(await desk.presses(EVE, "Update", key))
    await desk.writes(BOB, "I have it.", key)
    shown = form_of(await desk.sends(EVE, eves, text="We look into it."))
    assert intro(shown).startswith("Bob wrote to the customer at Fri 20 Mar 15:30: “I have it.”")
    assert values(shown)["text"] == "We look into it."
    assert done(await desk.sends(EVE, shown))
