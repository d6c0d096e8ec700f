"""What Slack, or somebody who pretends to be Slack, may send: twice, unsigned, late, without sense."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlencode

import pytest

from tests.harness import S2
from tests.roof.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = "application/json"


async def test_the_same_envelope_twice_is_one_ticket(still_house: House) -> None:
    """Complaint 31: Slack's retries after three seconds made duplicate tickets elsewhere."""
    house = still_house
    card = await house.opened(S2, "Bills are slow")
    key = house.key_of(card)
    before = len(house.posted(house.acme))
    sent = next(ack for ack in reversed(house.slack.acks) if ack.kind == "view_submission")
    again = await asyncio.gather(*(house.slack.redeliver(sent, retry=bool(n % 2)) for n in range(6)))
    assert {ack.status for ack in again} == {200}
    other = await house.opened(S2, "Something else")
    assert house.key_of(other) != key
    assert len(house.posted(house.acme)) == before + 1


async def test_a_double_click_is_one_event(still_house: House) -> None:
    """Complaint 31: twice the same click, and a second click on a card that is not redrawn yet."""
    house = still_house
    card = await house.opened(S2, "Bills are slow")
    work = house.agents_card(card)
    ack = await house.slack.press(house.bob, work, "Acknowledge")
    repeated = [house.slack.redeliver(ack) for _ in range(3)]
    assert {ack.status for ack in await asyncio.gather(*repeated)} == {200}
    await house.until(lambda: "seen by Bob" in house.text(card))
    sent = await house.fills(house.bob, work, "Reply", text="We look into it.")
    assert sent.closed
    assert sent.ack
    await asyncio.gather(*(house.slack.redeliver(sent.ack, retry=True) for _ in range(4)))
    await house.until(lambda: "met" in house.text(card))
    await house.until(lambda: house.thread(card))
    assert sum("We look into it." in text for text in house.thread(card)) == 1


async def test_a_message_delivered_again_is_passed_on_once(still_house: House) -> None:
    house = still_house
    card = await house.opened(S2, "Bills are slow")
    work = await house.in_hand(card)
    await house.slack.say(house.alice, house.acme, "It got worse", card)
    event = next(
        ack for ack in reversed(house.slack.acks) if ack.kind == "message" and "worse" in ack.request.body
    )
    await asyncio.gather(*(house.slack.redeliver(event, retry=True) for _ in range(4)))
    await house.slack.say(house.alice, house.acme, "And worse", card)
    await house.until(lambda: any("And worse" in text for text in house.thread(work)))
    assert sum("It got worse" in text for text in house.thread(work)) == 1


@pytest.mark.parametrize("forged", [{"secret": "guessed"}, {"age": 600}, {"age": -600}])
async def test_what_slack_did_not_sign_changes_nothing(still_house: House, forged: dict[str, object]) -> None:
    house = still_house
    card = await house.opened(S2, "Bills are slow")
    work = house.agents_card(card)
    press = next(ack for ack in house.slack.acks if ack.kind == "view_submission").request.body
    before = len(house.posted(house.acme)), house.text(work)
    for body in (press, press.replace("Bills", "Gills"), "", "command=%2Fsupport"):
        assert await house.sends(body, **forged) == 401  # type: ignore[arg-type]
    assert (len(house.posted(house.acme)), house.text(work)) == before


async def test_a_request_without_a_signature_is_refused(still_house: House) -> None:
    house = still_house
    nothing = {"X-Slack-Signature": "", "X-Slack-Request-Timestamp": ""}
    assert await house.sends("command=%2Fsupport", headers=nothing) == 401
    assert await house.sends("command=%2Fsupport", headers={"X-Slack-Request-Timestamp": "soon"}) == 401


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
async def test_a_signed_payload_without_sense_is_no_fault_of_ours(
    still_house: House, payload: object
) -> None:
    """Issue 2: a signed but malformed Slack payload never yields a 500."""
    house = still_house
    form = await house.interacts(payload)
    event = await house.sends(json.dumps(payload), JSON)
    inner = await house.sends(
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
async def test_a_signed_body_without_sense_is_no_fault_of_ours(
    still_house: House, body: str, kind: str
) -> None:
    assert await still_house.sends(body.encode("utf-16", "surrogatepass").decode("utf-16"), kind) < 500


async def test_slack_can_check_the_address(still_house: House) -> None:
    ack = await still_house.slack.verify_url()
    assert ack.status == 200
    assert "c-3eZbrw1aB" in ack.body


async def test_all_was_answered_in_time(still_house: House) -> None:
    """engine.md, framework floor. How long it takes is a figure of `make bench`."""
    assert not [ack for ack in still_house.slack.acks if ack.timed_out]
