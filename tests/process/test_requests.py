"""Requests that Slack or an impostor may send: repeated, unsigned, late or malformed."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlencode

import pytest

from tests.harness import S2
from tests.process.live_site import LiveSite

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = "application/json"


async def test_the_same_envelope_twice_is_one_ticket(shared_site: LiveSite) -> None:
    """Complaint 31: Slack's retries after three seconds made duplicate tickets elsewhere."""
    site = shared_site
    card = await site.opened(S2, "Bills are slow")
    key = site.key_of(card)
    before = len(site.posted(site.acme))
    sent = next(ack for ack in reversed(site.slack.acks) if ack.kind == "view_submission")
    again = await asyncio.gather(*(site.slack.redeliver(sent, retry=bool(n % 2)) for n in range(6)))
    assert {ack.status for ack in again} == {200}
    other = await site.opened(S2, "Something else")
    assert site.key_of(other) != key
    assert len(site.posted(site.acme)) == before + 1


async def test_a_double_click_is_one_event(shared_site: LiveSite) -> None:
    """Complaint 31: twice the same click, and a second click on a card that is not redrawn yet."""
    site = shared_site
    card = await site.opened(S2, "Bills are slow")
    work = site.agents_card(card)
    ack = await site.slack.press(site.bob, work, "Acknowledge")
    repeated = [site.slack.redeliver(ack) for _ in range(3)]
    assert {ack.status for ack in await asyncio.gather(*repeated)} == {200}
    await site.until(lambda: "seen by Bob" in site.text(card))
    sent = await site.fills(site.bob, work, "Reply", text="We look into it.")
    assert sent.closed
    assert sent.ack
    await asyncio.gather(*(site.slack.redeliver(sent.ack, retry=True) for _ in range(4)))
    await site.until(lambda: "met" in site.text(card))
    await site.until(lambda: site.thread(card))
    assert sum("We look into it." in text for text in site.thread(card)) == 1


async def test_a_message_delivered_again_is_passed_on_once(shared_site: LiveSite) -> None:
    site = shared_site
    card = await site.opened(S2, "Bills are slow")
    work = await site.in_hand(card)
    await site.slack.say(site.alice, site.acme, "It got worse", card)
    event = next(
        ack for ack in reversed(site.slack.acks) if ack.kind == "message" and "worse" in ack.request.body
    )
    await asyncio.gather(*(site.slack.redeliver(event, retry=True) for _ in range(4)))
    await site.slack.say(site.alice, site.acme, "And worse", card)
    await site.until(lambda: any("And worse" in text for text in site.thread(work)))
    assert sum("It got worse" in text for text in site.thread(work)) == 1


@pytest.mark.parametrize("forged", [{"secret": "guessed"}, {"age": 600}, {"age": -600}])
async def test_an_unsigned_request_changes_nothing(shared_site: LiveSite, forged: dict[str, object]) -> None:
    site = shared_site
    card = await site.opened(S2, "Bills are slow")
    work = site.agents_card(card)
    press = next(ack for ack in site.slack.acks if ack.kind == "view_submission").request.body
    before = len(site.posted(site.acme)), site.text(work)
    for body in (press, press.replace("Bills", "Gills"), "", "command=%2Fsupport"):
        assert await site.sends(body, **forged) == 401  # type: ignore[arg-type]
    assert (len(site.posted(site.acme)), site.text(work)) == before


async def test_a_request_without_a_signature_is_refused(shared_site: LiveSite) -> None:
    site = shared_site
    nothing = {"X-Slack-Signature": "", "X-Slack-Request-Timestamp": ""}
    assert await site.sends("command=%2Fsupport", headers=nothing) == 401
    assert await site.sends("command=%2Fsupport", headers={"X-Slack-Request-Timestamp": "soon"}) == 401


MALFORMED: list[object] = [
    None,
    [],
    "text",
    7,
    {},
    {"type": "block_actions"},
    {"type": "block_actions", "actions": []},
    {"type": "block_actions", "user": {"id": "U0BOB"}, "actions": [{}]},
    {"type": "block_actions", "user": {"id": 7}, "actions": [{"type": "button", "action_id": "take"}]},
    {"type": "block_actions", "user": None, "team": None, "actions": [{"type": "button", "action_id": "x"}]},
    {
        "type": "block_actions",
        "user": {"id": "U0BOB", "team_id": "T0VENDOR"},
        "channel": {"id": "C0TRIAGE"},
        "container": {"message_ts": "1.1"},
        "actions": [{"type": "button", "action_id": "take", "value": "NOBODY-9"}],
    },
    {
        "type": "block_actions",
        "user": {"id": "U0BOB", "team_id": "T0VENDOR"},
        "channel": {"id": "C0TRIAGE"},
        "container": {"message_ts": "1.1"},
        "actions": [{"type": "button", "action_id": "take", "value": "\x00'; DROP TABLE ticket; --"}],
    },
    {"type": "view_submission"},
    {"type": "view_submission", "user": {"id": "U0BOB"}, "view": {"id": "V1", "callback_id": "intake"}},
    {
        "type": "view_submission",
        "user": {"id": "U0BOB"},
        "view": {"id": "V1", "callback_id": "intake", "private_metadata": "{not json"},
    },
    {
        "type": "view_submission",
        "user": {"id": "U0BOB"},
        "view": {
            "id": "V1",
            "callback_id": "intake",
            "private_metadata": json.dumps(
                {"context": {"place": "nowhere", "version": "1", "accounts": "x"}}
            ),
        },
    },
    {
        "type": "view_submission",
        "user": {"id": "U0BOB"},
        "view": {
            "id": "V1",
            "callback_id": "intake",
            "private_metadata": json.dumps(
                {"context": {"place": "slack:C0ACME", "version": "1999-01-01", "accounts": "acme"}}
            ),
        },
    },
    {
        "type": "view_submission",
        "user": {"id": "U0BOB"},
        "view": {"id": "V1", "callback_id": "resolve", "state": {"values": {"text": []}}},
    },
    {"type": "view_closed"},
    {"type": "no_such_thing", "user": {"id": "U0BOB"}},
    {"type": "message_action", "callback_id": "x", "user": {"id": "U0BOB"}},
]


@pytest.mark.parametrize("payload", MALFORMED, ids=lambda payload: json.dumps(payload)[:60])
async def test_a_signed_malformed_payload_is_not_a_500(shared_site: LiveSite, payload: object) -> None:
    """Issue 2: a signed but malformed Slack payload never yields a 500."""
    site = shared_site
    form = await site.interacts(payload)
    event = await site.sends(json.dumps(payload), JSON)
    inner = await site.sends(
        json.dumps({"type": "event_callback", "team_id": "T0VENDOR", "event_id": "E1", "event": payload}),
        JSON,
    )
    assert max(form, event, inner) < 500


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("", "application/x-www-form-urlencoded"),
        ("payload=", "application/x-www-form-urlencoded"),
        ("payload=%7Bbroken", "application/x-www-form-urlencoded"),
        ("payload=%ff%fe", "application/x-www-form-urlencoded"),
        ("command=%2Fsupport", "application/x-www-form-urlencoded"),
        (urlencode({"command": "/support", "trigger_id": "", "user_id": "", "channel_id": ""}), "text/plain"),
        ("{broken", JSON),
        ("[" * 2000, JSON),
        ('{"type": "event_callback"}', JSON),
        ('{"type": "event_callback", "event": {"type": "message", "channel": "C0ACME", "ts": 7}}', JSON),
        ("\ud83d\ude00", JSON),
        ("x", "multipart/form-data"),
    ],
    ids=range(12),
)
async def test_a_signed_malformed_body_is_not_a_500(shared_site: LiveSite, body: str, kind: str) -> None:
    assert await shared_site.sends(body.encode("utf-16", "surrogatepass").decode("utf-16"), kind) < 500


async def test_slack_can_check_the_address(shared_site: LiveSite) -> None:
    ack = await shared_site.slack.verify_url()
    assert ack.status == 200
    assert "c-3eZbrw1aB" in ack.body


async def test_every_request_was_answered_in_time(shared_site: LiveSite) -> None:
    """engine.md, framework floor. How long it takes is a figure of `make bench`."""
    assert not [ack for ack in shared_site.slack.acks if ack.timed_out]
