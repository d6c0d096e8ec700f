"""The contract of bot.ports.ChatPlatform, checked on every platform."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Audience, Notice
from bot.ports import NotEditable, PermanentFailure, Priority, TemporaryFailure
from sla_core.promise import Tone
from tests.desk_file import entra
from tests.platforms import views
from tests.platforms.on_console import OnConsole
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams
from tests.platforms.workplace import Workplace
from tests.teams.fake_connector import ELSEWHERE, TENANT, Refusal

HELLO, GOODBYE = Notice(("Hello.",)), Notice(("Goodbye.",))


async def test_a_message_is_posted_to_a_channel(workplace: Workplace) -> None:
    said = await workplace.ours.post(workplace.channel, HELLO, None)
    displayed = workplace.displayed(said)
    assert (said.place, displayed.place, displayed.thread) == (workplace.channel, workplace.channel.id, None)
    assert displayed.words == "Hello"
    assert await workplace.ours.post(workplace.channel, HELLO, None) != said, "each is a message of its own"


async def test_a_message_is_posted_to_a_thread(workplace: Workplace) -> None:
    root = await workplace.ours.post(workplace.channel, HELLO, None)
    reply = await workplace.ours.post(workplace.channel, GOODBYE, root)
    displayed = workplace.displayed(reply)
    assert (displayed.place, displayed.thread) == (workplace.channel.id, root.id)
    assert workplace.displayed(root).words == "Hello"


async def test_a_message_is_posted_to_a_person(workplace: Workplace) -> None:
    said = await workplace.ours.post(workplace.user("Dana"), HELLO, None)
    again = await workplace.ours.post(workplace.user("Dana"), GOODBYE, None)
    assert said.place.direct
    assert said.place == again.place, "one conversation"
    assert said.place.id not in (workplace.channel.id, workplace.triage.id)
    other = await workplace.ours.post(workplace.user("Bob"), HELLO, None)
    assert other.place != said.place
    assert workplace.displayed(again).words == "Goodbye"


async def test_an_update_replaces_the_message(workplace: Workplace) -> None:
    root = await workplace.ours.post(workplace.channel, HELLO, None)
    reply = await workplace.ours.post(workplace.channel, HELLO, root)
    direct = await workplace.ours.post(workplace.user("Dana"), HELLO, None)
    for said in (root, reply, direct):
        before = workplace.displayed(said)
        await workplace.ours.update(said, GOODBYE)
        after = workplace.displayed(said)
        assert after.words == "Goodbye"
        assert (after.place, after.thread) == (before.place, before.thread)


async def test_a_deleted_message_is_gone(workplace: Workplace) -> None:
    said, other = [await workplace.ours.post(workplace.channel, HELLO, None) for _ in range(2)]
    for _ in range(2):
        await workplace.ours.delete(said)
        with pytest.raises(LookupError):
            workplace.displayed(said)
    assert workplace.displayed(other).words == "Hello"


async def test_an_edit_of_a_deleted_message_says_that_a_new_one_may_work(workplace: Workplace) -> None:
    said = await workplace.ours.post(workplace.channel, HELLO, None)
    await workplace.ours.delete(said)
    if isinstance(workplace, OnConsole):
        pytest.skip("a terminal shows it again: it was of an earlier run")
    with pytest.raises(NotEditable):
        await workplace.ours.update(said, GOODBYE)


@pytest.mark.parametrize("tone", list(Tone))
@pytest.mark.parametrize("audience", list(Audience))
async def test_a_card_shows_all_its_fields(workplace: Workplace, audience: Audience, tone: Tone) -> None:
    card = views.card(audience, tone=tone)
    displayed = workplace.displayed(await workplace.ours.post(workplace.channel, card, None))
    for words in (card.key, card.title, card.severity, card.next_up, card.owner, card.state):
        assert words in displayed.text
    for line in card.promises:
        (told,) = [line_ for line_ in _promises(displayed.text, len(card.promises)) if line.label in line_]
        assert line.standing in told
    agents = (*views.AGENTS, *views.MORE)
    assert displayed.labels == (agents if audience is Audience.AGENTS else views.CUSTOMERS)


def _promises(text: str, count: int) -> list[str]:
    """The text about each promise, from its label to the next one's."""
    parts = text.split("Promise ")[1:]
    assert len(parts) == count
    return [f"Promise {part}" for part in parts]


@pytest.mark.parametrize("tone", list(Tone))
async def test_a_notice_shows_its_text_and_buttons(workplace: Workplace, tone: Tone) -> None:
    view = views.notice(workplace.user("Bob"), tone=tone)
    displayed = workplace.displayed(await workplace.ours.post(workplace.channel, view, None))
    said = "ACME 7 Bob It got worse due Fri 20 Mar 2026 12 00 UTC It got worse"
    assert displayed.words == said
    assert displayed.labels == ("Acknowledge", "I'll call", "Delegate", "Snooze")


async def test_tones_can_be_told_apart_without_colours(workplace: Workplace) -> None:
    told = set()
    for tone in Tone:
        displayed = workplace.displayed(
            await workplace.ours.post(workplace.channel, Notice(("Hello.",), tone), None)
        )
        told.add(displayed.text.strip())
    assert len(told) == len(Tone)


async def test_a_receipt_shows_every_row(workplace: Workplace) -> None:
    displayed = workplace.displayed(await workplace.ours.post(workplace.channel, views.receipt(), None))
    for words in ("ACME-7", "impaired", "First response", "Within 4 support hours", "M3-14", "hold: Bob"):
        assert words in displayed.text
    assert "1 h" in displayed.text
    assert displayed.labels == ()


async def test_a_board_shows_every_row(workplace: Workplace) -> None:
    board = views.board()
    displayed = workplace.displayed(await workplace.ours.post(workplace.channel, board, None))
    [section] = board.sections
    for row in section.rows:
        for words in (row.key, row.title, row.severity, row.state, row.next_up, row.owner):
            assert words in displayed.text
    for words in ("7 tickets are open.", "Acme GmbH", "First response: breached", "and 5 more", "As of"):
        assert words in displayed.text
    assert sorted(displayed.labels) == ["Get help", "Take it"]


async def test_the_agents_card_ends_with_its_history(workplace: Workplace) -> None:
    displayed = workplace.displayed(
        await workplace.ours.post(workplace.channel, views.card(Audience.AGENTS), None)
    )
    title = "History (3 earlier; history ACME-7 shows all)"
    assert displayed.text.index(title) < displayed.text.index("Bob replied")
    displayed = workplace.displayed(
        await workplace.ours.post(workplace.channel, views.card(Audience.CUSTOMER), None)
    )
    assert "History" not in displayed.text


async def test_get_help(workplace: Workplace) -> None:
    displayed = workplace.displayed(await workplace.ours.post(workplace.channel, views.get_help(), None))
    assert "Need help from m3ter?" in displayed.text
    assert displayed.labels == ("Get help",)


async def test_a_message_is_found_by_its_key_or_reported_as_unknown(workplace: Workplace) -> None:
    """Never another message, and never a fault: what is not found is said again."""
    began = datetime.now(UTC)
    root = await workplace.ours.post(workplace.channel, HELLO, None, "key of the root")
    reply = await workplace.ours.post(workplace.channel, HELLO, root, "key of the reply")
    found = await workplace.ours.find(workplace.channel, "key of the root", None, began)
    below = await workplace.ours.find(workplace.channel, "key of the reply", root, began)
    assert (found, below) == ((root, reply) if isinstance(workplace, OnSlack) else (None, None))
    assert await workplace.ours.find(workplace.channel, "another key", None, began) is None
    assert await workplace.ours.find(workplace.channel, "another key", root, began) is None


async def test_urgent_messages_are_limited_no_more_than_others(workplace: Workplace) -> None:
    """Each platform's buckets are its own, and a countdown is paid from what any edit is paid from."""
    said = await workplace.ours.post(workplace.channel, HELLO, None)
    for edits in (None, said):
        page, state, countdown = (
            {charge.bucket: charge for charge in workplace.ours.charges(workplace.channel, edits, priority)}
            for priority in (Priority.PAGE, Priority.STATE, Priority.COUNTDOWN)
        )
        assert set(page) <= set(state) <= set(countdown)
        assert all(bucket.startswith(f"{workplace.ours.name}:") for bucket in countdown)
        assert all(page[bucket].burst >= state[bucket].burst for bucket in page)
        assert all(charge.every > timedelta(0) and charge.burst >= 1 for charge in countdown.values())


async def test_countdowns_wait_for_the_rate_limit_that_runs_out_first(workplace: Workplace) -> None:
    """Else thousands of cards would each find out alone that a limit is used up.

    On Slack that is a workspace's, on Teams a conversation's: what one has used up is no other's fault.
    """
    one, again, other = (
        workplace.ours.charges(place, MessageRef(place, id), Priority.COUNTDOWN)[-1:]
        for place, id in ((workplace.channel, "1"), (workplace.channel, "2"), (workplace.triage, "3"))
    )
    assert one == again
    assert (one == other) == (workplace.ours.name != "teams")


async def test_a_rate_limit_is_a_temporary_failure(workplace: Workplace) -> None:
    root = await workplace.ours.post(workplace.channel, HELLO, None)
    for call in ("post", "update"):
        match workplace:
            case OnSlack():
                method = {"post": "chat.postMessage", "update": "chat.update"}[call]
                workplace.slack.fail_next(method, status=429, retry_after=7)
            case OnTeams():
                workplace.microsoft.refuse = [Refusal(429, "Throttled", {"Retry-After": "7"})]
            case _:
                pytest.skip("n/a: a terminal never asks to wait")
        speaks = (
            workplace.ours.post(workplace.channel, HELLO, None)
            if call == "post"
            else _updates(workplace, root)
        )
        with pytest.raises(TemporaryFailure) as caught:
            await speaks
        assert caught.value.retry_after == 7.0
    await workplace.ours.update(root, GOODBYE)
    assert workplace.displayed(root).words == "Goodbye", "afterwards it goes through"


@pytest.mark.parametrize("why", ["archived", "removed", "message gone", "person gone"])
async def test_a_refusal_is_a_permanent_failure(workplace: Workplace, why: str) -> None:
    said = await workplace.ours.post(workplace.channel, HELLO, None)
    match workplace:
        case OnSlack():
            _shut_on_slack(workplace, why)
        case OnTeams():
            codes = {
                "archived": Refusal(403, ""),
                "removed": Refusal(403, "BotNotInConversationRoster"),
                "message gone": Refusal(404, "ActivityNotFoundInConversation"),
                "person gone": Refusal(403, "MessageWritesBlocked"),
            }
            workplace.microsoft.refuse = [codes[why]]
        case _:
            pytest.skip("n/a: a terminal has no channel that can be shut, and says a lost message again")
    to = workplace.user("Dana") if why == "person gone" else workplace.channel
    speaks = _updates(workplace, said) if why == "message gone" else workplace.ours.post(to, HELLO, None)
    with pytest.raises(PermanentFailure):
        await speaks


async def _updates(workplace: Workplace, said: MessageRef) -> None:
    await workplace.ours.update(said, HELLO)


def _shut_on_slack(workplace: OnSlack, why: str) -> None:
    match why:
        case "archived":
            workplace.acme.archived = True
        case "removed":
            workplace.acme.members.remove(workplace.slack.bot.id)
        case "message gone":
            workplace.acme.messages.clear()
        case _:
            workplace.slack.fail_next("conversations.open", error="user_disabled")


async def test_people_of_another_platform_are_not_reached(workplace: Workplace) -> None:
    if isinstance(workplace, OnConsole):
        pytest.skip("n/a: a terminal stands in for whatever the desk's file names")
    with pytest.raises(PermanentFailure, match="not on"):
        await workplace.ours.post(UserRef("elsewhere", "", "x"), HELLO, None)


async def test_which_ids_are_groups(workplace: Workplace) -> None:
    group = workplace.triage.id if isinstance(workplace, OnTeams) else "S0SUPPORT"
    assert workplace.ours.is_group(group)
    assert not workplace.ours.is_group(workplace.user("Bob").id)


async def test_the_members_of_a_group(workplace: Workplace) -> None:
    match workplace:
        case OnSlack():
            expected = {UserRef("slack", "T0VENDOR", user) for user in ("U0BOB", "U0EVE")}
            assert await workplace.ours.members("S0SUPPORT") == expected
            with pytest.raises(PermanentFailure):
                await workplace.ours.members("S0NONE")
        case OnTeams():
            in_channel = {entra(name) for name in ("bob", "dana", "eve", "kim", "mia")}
            expected = {UserRef("teams", TENANT, user) for user in in_channel}
            assert await workplace.ours.members(workplace.channel.id) == expected
            assert not any(user.home == ELSEWHERE for user in expected), "customers are no agents"
            with pytest.raises(PermanentFailure):
                await workplace.ours.members("19:none@thread.tacv2")
        case _:
            # Its people are those of the desk's file, which says nothing about groups.
            assert await workplace.ours.members("S0SUPPORT") == frozenset()


async def test_the_channels_of_a_person(workplace: Workplace) -> None:
    assert await workplace.ours.places_of(workplace.user("Alice")) == {workplace.channel}
    assert await workplace.ours.places_of(workplace.user("Bob")) == {workplace.channel, workplace.triage}
    if not isinstance(workplace, OnSlack):
        stranger = UserRef(workplace.channel.platform, "", "nobody")
        assert await workplace.ours.places_of(stranger) == frozenset()


async def test_the_adapters_name_is_that_of_its_places(workplace: Workplace) -> None:
    assert Place.parse(str(workplace.channel)) == workplace.channel
    assert workplace.channel.platform == workplace.ours.name


@pytest.mark.parametrize("workplace", ["console"], indirect=True)
async def test_the_terminal_prints_what_reaches_the_person_it_looks_through(workplace: Workplace) -> None:
    """The other houses' readers are clients of their own; this one's is its screen."""
    assert isinstance(workplace, OnConsole)
    await workplace.ours.post(workplace.channel, views.card(Audience.CUSTOMER), None)
    await workplace.ours.post(workplace.triage, HELLO, None)
    told = workplace.printed()
    assert "#acme · Alice sees" in told
    assert all(standing in told for standing in views.STANDINGS)
    assert "  · #triage · agents see: Hello." in told
