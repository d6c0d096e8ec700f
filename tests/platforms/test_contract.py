"""What bot.ports.ChatPlatform promises, asked of each platform alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.address import MessageRef, Place, UserRef
from bot.ports import Never, NotNow, Priority
from bot.views import Audience, Notice
from sla_core.countdown import Tone
from tests.platforms import views
from tests.platforms.on_console import OnConsole
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams
from tests.platforms.shown import House
from tests.teams.fake_connector import ELSEWHERE, TENANT, Refusal

HELLO, GOODBYE = Notice(("Hello.",)), Notice(("Goodbye.",))


async def test_to_a_place(house: House) -> None:
    said = await house.ours.post(house.channel, HELLO, None)
    shown = house.shown(said)
    assert (said.place, shown.place, shown.thread) == (house.channel, house.channel.id, None)
    assert shown.words == "Hello"
    assert await house.ours.post(house.channel, HELLO, None) != said, "each is a message of its own"


async def test_to_a_thread(house: House) -> None:
    root = await house.ours.post(house.channel, HELLO, None)
    reply = await house.ours.post(house.channel, GOODBYE, root)
    shown = house.shown(reply)
    assert (shown.place, shown.thread) == (house.channel.id, root.id)
    assert house.shown(root).words == "Hello"


async def test_to_a_person(house: House) -> None:
    said = await house.ours.post(house.user("Dana"), HELLO, None)
    again = await house.ours.post(house.user("Dana"), GOODBYE, None)
    assert said.place.direct
    assert said.place == again.place, "one conversation"
    assert said.place.id not in (house.channel.id, house.triage.id)
    other = await house.ours.post(house.user("Bob"), HELLO, None)
    assert other.place != said.place
    assert house.shown(again).words == "Goodbye"


async def test_an_update_replaces(house: House) -> None:
    root = await house.ours.post(house.channel, HELLO, None)
    reply = await house.ours.post(house.channel, HELLO, root)
    direct = await house.ours.post(house.user("Dana"), HELLO, None)
    for said in (root, reply, direct):
        before = house.shown(said)
        await house.ours.update(said, GOODBYE)
        after = house.shown(said)
        assert after.words == "Goodbye"
        assert (after.place, after.thread) == (before.place, before.thread)


@pytest.mark.parametrize("tone", list(Tone))
@pytest.mark.parametrize("audience", list(Audience))
async def test_a_card_shows_what_stands_on_it(house: House, audience: Audience, tone: Tone) -> None:
    card = views.card(audience, tone=tone)
    shown = house.shown(await house.ours.post(house.channel, card, None))
    for words in (card.key, card.title, card.severity, card.turn, card.worker, card.state):
        assert words in shown.text
    for line in card.promises:
        (told,) = [line_ for line_ in _promises(shown.text, len(card.promises)) if line.label in line_]
        assert line.standing in told
    assert shown.labels == (views.AGENTS if audience is Audience.AGENTS else views.CUSTOMERS)


def _promises(text: str, count: int) -> list[str]:
    """The text about each promise, from its label to the next one's."""
    parts = text.split("Promise ")[1:]
    assert len(parts) == count
    return [f"Promise {part}" for part in parts]


@pytest.mark.parametrize("tone", list(Tone))
async def test_a_notice(house: House, tone: Tone) -> None:
    view = views.notice(house.user("Bob"), tone=tone)
    shown = house.shown(await house.ours.post(house.channel, view, None))
    said = "ACME 7 Bob It got worse due Fri 20 Mar 2026 12 00 UTC It got worse"
    assert shown.words == said
    assert shown.labels == ("Acknowledge", "I'll call", "Delegate", "Snooze")


async def test_tones_can_be_told_apart_without_colours(house: House) -> None:
    told = set()
    for tone in Tone:
        shown = house.shown(await house.ours.post(house.channel, Notice(("Hello.",), tone), None))
        told.add(shown.text.strip())
    assert len(told) == len(Tone)


async def test_a_receipt(house: House) -> None:
    shown = house.shown(await house.ours.post(house.channel, views.receipt(), None))
    for words in ("ACME-7", "impaired", "First response", "Within 4 support hours", "M3-14", "hold: Bob"):
        assert words in shown.text
    assert "1 h" in shown.text
    assert shown.labels == ()


async def test_a_board(house: House) -> None:
    board = views.board()
    shown = house.shown(await house.ours.post(house.channel, board, None))
    [section] = board.sections
    for row in section.rows:
        for words in (row.key, row.title, row.severity, row.state, row.turn, row.worker):
            assert words in shown.text
    for words in ("7 tickets are open.", "Acme GmbH", "First response: breached", "and 5 more", "As of"):
        assert words in shown.text
    assert shown.labels == ("Take it", "Get help")


async def test_the_agents_card_ends_with_its_history(house: House) -> None:
    shown = house.shown(await house.ours.post(house.channel, views.card(Audience.AGENTS), None))
    assert shown.text.index("History (3 earlier)") < shown.text.index("Bob replied")
    shown = house.shown(await house.ours.post(house.channel, views.card(Audience.CUSTOMER), None))
    assert "History" not in shown.text


async def test_get_help(house: House) -> None:
    shown = house.shown(await house.ours.post(house.channel, views.get_help(), None))
    assert "Need help from m3ter?" in shown.text
    assert shown.labels == ("Get help",)


async def test_what_was_posted_under_a_key_is_found_or_there_is_no_telling(house: House) -> None:
    """Never another message, and never a fault: what is not found is said again."""
    began = datetime.now(UTC)
    root = await house.ours.post(house.channel, HELLO, None, "key of the root")
    reply = await house.ours.post(house.channel, HELLO, root, "key of the reply")
    found = await house.ours.find(house.channel, "key of the root", None, began)
    below = await house.ours.find(house.channel, "key of the reply", root, began)
    assert (found, below) == ((root, reply) if isinstance(house, OnSlack) else (None, None))
    assert await house.ours.find(house.channel, "another key", None, began) is None
    assert await house.ours.find(house.channel, "another key", root, began) is None


async def test_what_is_urgent_is_let_through_at_least_as_soon(house: House) -> None:
    """Each platform's buckets are its own, and a countdown is paid from what any edit is paid from."""
    said = await house.ours.post(house.channel, HELLO, None)
    for edits in (None, said):
        page, state, countdown = (
            {cost.bucket: cost for cost in house.ours.costs(house.channel, edits, priority)}
            for priority in (Priority.PAGE, Priority.STATE, Priority.COUNTDOWN)
        )
        assert set(page) <= set(state) <= set(countdown)
        assert all(bucket.startswith(f"{house.ours.name}:") for bucket in countdown)
        assert all(page[bucket].burst >= state[bucket].burst for bucket in page)
        assert all(cost.every > timedelta(0) and cost.burst >= 1 for cost in countdown.values())


async def test_countdowns_are_paid_from_the_purse_that_is_used_up_first(house: House) -> None:
    """Else thousands of cards would each find out alone that a limit is used up.

    On Slack that is a workspace's, on Teams a conversation's: what one has used up is no other's fault.
    """
    one, again, other = (
        house.ours.costs(place, MessageRef(place, id), Priority.COUNTDOWN)[-1:]
        for place, id in ((house.channel, "1"), (house.channel, "2"), (house.triage, "3"))
    )
    assert one == again
    assert (one == other) == (house.ours.name != "teams")


async def test_asked_to_wait(house: House) -> None:
    root = await house.ours.post(house.channel, HELLO, None)
    for call in ("post", "update"):
        match house:
            case OnSlack():
                method = {"post": "chat.postMessage", "update": "chat.update"}[call]
                house.slack.fail_next(method, status=429, retry_after=7)
            case OnTeams():
                house.microsoft.refuse = [Refusal(429, "Throttled", {"Retry-After": "7"})]
            case _:
                pytest.skip("n/a: a terminal never asks to wait")
        speaks = house.ours.post(house.channel, HELLO, None) if call == "post" else _updates(house, root)
        with pytest.raises(NotNow) as caught:
            await speaks
        assert caught.value.after == 7.0
    await house.ours.update(root, GOODBYE)
    assert house.shown(root).words == "Goodbye", "afterwards it goes through"


@pytest.mark.parametrize("why", ["archived", "removed", "message gone", "person gone"])
async def test_refused_for_good(house: House, why: str) -> None:
    said = await house.ours.post(house.channel, HELLO, None)
    match house:
        case OnSlack():
            _shut_on_slack(house, why)
        case OnTeams():
            codes = {
                "archived": Refusal(403, ""),
                "removed": Refusal(403, "BotNotInConversationRoster"),
                "message gone": Refusal(404, "ActivityNotFoundInConversation"),
                "person gone": Refusal(403, "MessageWritesBlocked"),
            }
            house.microsoft.refuse = [codes[why]]
        case _:
            pytest.skip("n/a: a terminal has no channel that can be shut, and says a lost message again")
    to = house.user("Dana") if why == "person gone" else house.channel
    speaks = _updates(house, said) if why == "message gone" else house.ours.post(to, HELLO, None)
    with pytest.raises(Never):
        await speaks


async def _updates(house: House, said: MessageRef) -> None:
    await house.ours.update(said, HELLO)


def _shut_on_slack(house: OnSlack, why: str) -> None:
    match why:
        case "archived":
            house.acme.archived = True
        case "removed":
            house.acme.members.remove(house.slack.bot.id)
        case "message gone":
            house.acme.messages.clear()
        case _:
            house.slack.fail_next("conversations.open", error="user_disabled")


async def test_people_of_another_platform_are_not_reached(house: House) -> None:
    if isinstance(house, OnConsole):
        pytest.skip("n/a: a terminal stands in for whatever the desk's file names")
    with pytest.raises(Never, match="not on"):
        await house.ours.post(UserRef("elsewhere", "", "x"), HELLO, None)


async def test_which_ids_are_groups(house: House) -> None:
    group = house.triage.id if isinstance(house, OnTeams) else "S0SUPPORT"
    assert house.ours.is_group(group)
    assert not house.ours.is_group(house.user("Bob").id)


async def test_the_members_of_a_group(house: House) -> None:
    match house:
        case OnSlack():
            expected = {UserRef("slack", "T0VENDOR", user) for user in ("U0BOB", "U0EVE")}
            assert await house.ours.members("S0SUPPORT") == expected
            with pytest.raises(Never):
                await house.ours.members("S0NONE")
        case OnTeams():
            in_channel = {f"entra-{name}" for name in ("bob", "dana", "eve", "kim", "mia")}
            expected = {UserRef("teams", TENANT, user) for user in in_channel}
            assert await house.ours.members(house.channel.id) == expected
            assert not any(user.home == ELSEWHERE for user in expected), "customers are no agents"
            with pytest.raises(Never):
                await house.ours.members("19:none@thread.tacv2")
        case _:
            # Its people are those of the desk's file, which says nothing about groups.
            assert await house.ours.members("S0SUPPORT") == frozenset()


async def test_the_channels_of_a_person(house: House) -> None:
    assert await house.ours.places_of(house.user("Alice")) == {house.channel}
    assert await house.ours.places_of(house.user("Bob")) == {house.channel, house.triage}
    if not isinstance(house, OnSlack):
        stranger = UserRef(house.channel.platform, "", "nobody")
        assert await house.ours.places_of(stranger) == frozenset()


async def test_it_has_the_name_that_its_places_have(house: House) -> None:
    assert Place.parse(str(house.channel)) == house.channel
    assert house.channel.platform == house.ours.name


@pytest.mark.parametrize("house", ["console"], indirect=True)
async def test_the_terminal_prints_what_reaches_the_person_it_looks_through(house: House) -> None:
    """The other houses' readers are clients of their own; this one's is its screen."""
    assert isinstance(house, OnConsole)
    await house.ours.post(house.channel, views.card(Audience.CUSTOMER), None)
    await house.ours.post(house.triage, HELLO, None)
    told = house.printed()
    assert "#acme · Alice sees" in told
    assert all(standing in told for standing in views.STANDINGS)
    assert "  · #triage · agents see: Hello." in told
