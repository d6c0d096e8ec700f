"""Customers' channels: who is notified when one is lost, and which changes the desk follows by itself."""

from __future__ import annotations

import pytest

from bot.desk.channels import RENAMES as MOVES
from bot.desk.channels import ensure_help_messages
from bot.model.address import MessageRef, Place
from bot.model.inbound import ChannelChange, ChannelChanged, MessageChanged, Posted
from bot.model.views import Audience, GetHelp, TicketCard
from bot.notify import cards
from bot.ports import PermanentFailure, TemporaryFailure
from sla_core.events import CustomerWrote
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DANA,
    DESK_FILE,
    S2,
    SILVER,
    TRIAGE,
    DeskInMemory,
    done,
    form_of,
    person,
)
from tests.journeys.conftest import OpenDesk, a_desk

__all__ = ["a_desk"]

NEW = Place("slack", "C0ACMENEW")
NOBODYS = Place("slack", "C0RANDOM")
CUTS = [ChannelChange.LEFT, ChannelChange.ARCHIVED, ChannelChange.DELETED, ChannelChange.UNSHARED]


async def turns(
    desk: DeskInMemory,
    place: Place,
    turn: ChannelChange,
    key: str | None = None,
    moved_to: Place | None = None,
) -> None:
    act = ChannelChanged(key or desk.envelope(), desk.clock.now(), place, turn, moved_to=moved_to)
    assert done(await desk.answers(act))


async def round_(desk: DeskInMemory) -> None:
    """What housekeeping does every few minutes."""
    await ensure_help_messages(desk.desk, desk.desk.key_values)
    await desk.deliver()


def helps(desk: DeskInMemory, place: Place = ACME) -> list[MessageRef]:
    return [said.ref for said in desk.posted if isinstance(said.view, GetHelp) and said.to == place]


async def moves(desk: DeskInMemory, old: Place, new: Place) -> None:
    """The channel gets another id; its messages keep theirs."""
    for said in desk.posted:
        if isinstance(said.view, GetHelp) and said.ref.place == old:
            said.ref, said.to = MessageRef(new, said.ref.id), new
    await turns(desk, old, ChannelChange.MOVED, moved_to=new)


# Joined ---------------------------------------------------------------------------------------


async def test_get_help_is_posted_when_the_bot_joins(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await turns(desk, ACME, ChannelChange.JOINED, "Ev1")
    await turns(desk, ACME, ChannelChange.JOINED, "Ev1")
    await turns(desk, ACME, ChannelChange.JOINED, "Ev2")
    await round_(desk)
    assert len(helps(desk)) == 1
    assert desk.heard(TRIAGE) == []


async def test_an_unowned_channel_gets_no_message_and_agents_learn_which_key_to_set(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await turns(desk, NOBODYS, ChannelChange.JOINED, "Ev1")
    await turns(desk, NOBODYS, ChannelChange.JOINED, "Ev1")
    assert desk.heard(NOBODYS) == []
    (told,) = desk.heard(TRIAGE)
    assert '"slack:C0RANDOM"' in told
    assert "`channels` of their account in frontline.toml" in told


async def test_a_team_is_joined_with_all_its_channels(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    general = Place("slack", "C0GENERAL")
    for key in ("members", "installation", "installation"):
        act = ChannelChanged(key, desk.clock.now(), general, ChannelChange.JOINED, beside=(NOBODYS, ACME))
        assert done(await desk.answers(act))
        await desk.deliver()
    assert len(helps(desk)) == 1
    assert desk.heard(TRIAGE) == [], "it is there for Acme"


async def test_a_team_of_no_customer_is_reported_once(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    for key in ("members", "installation"):
        act = ChannelChanged(key, desk.clock.now(), NOBODYS, ChannelChange.JOINED, beside=(NEW,))
        assert done(await desk.answers(act))
    (told,) = desk.heard(TRIAGE)
    assert "slack:C0RANDOM" in told


async def test_a_team_comes_back_with_all_its_channels(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    for channel in (ACME, SILVER):
        await turns(desk, channel, ChannelChange.LEFT)
    before = len(desk.heard(TRIAGE))
    act = ChannelChanged("again", desk.clock.now(), NOBODYS, ChannelChange.JOINED, beside=(ACME, SILVER))
    assert done(await desk.answers(act))
    back = desk.heard(TRIAGE)[before:]
    assert ["Messages reach" in told for told in back] == [True, True]


async def test_nothing_is_posted_in_triage_or_direct_messages(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await turns(desk, TRIAGE, ChannelChange.JOINED)
    await turns(desk, Place("slack", "D0BOB", True), ChannelChange.JOINED)
    await turns(desk, NOBODYS, ChannelChange.ARCHIVED)
    await turns(desk, ACME, ChannelChange.RENAMED)
    assert desk.posted == []


# Kept alive -----------------------------------------------------------------------------------


async def deleted(desk: DeskInMemory, message: MessageRef, key: str) -> None:
    us = person("Frontline")
    assert done(await desk.answers(MessageChanged(key, desk.clock.now(), us, message.place, message, None)))


async def test_a_deleted_get_help_is_posted_again_once(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await turns(desk, ACME, ChannelChange.JOINED)
    (first,) = helps(desk)
    await deleted(desk, first, "Ev1")
    await deleted(desk, first, "Ev1")
    await deleted(desk, MessageRef(ACME, "another"), "Ev2")
    assert len(helps(desk)) == 2


async def test_a_missing_help_message_is_detected(a_desk: OpenDesk) -> None:
    """Its deletion was never told: the desk was down."""
    desk = await a_desk()
    await round_(desk)
    lost = desk.chat.posted.pop(0)
    await round_(desk)
    assert helps(desk) == [], "seen a moment ago"

    await desk.fast_forward(hours=2)
    await round_(desk)
    await round_(desk)
    (again,) = helps(desk)
    assert again != lost.ref


async def test_a_missing_help_message_is_detected_by_a_refused_edit(a_desk: OpenDesk) -> None:
    """Teams does not say that the message is gone."""
    desk = await a_desk()
    await round_(desk)
    await desk.fast_forward(hours=2)
    desk.chat.failures += [PermanentFailure("HTTP 404")]
    await round_(desk)
    assert len(helps(desk)) == 2


async def test_a_help_message_of_an_earlier_version_is_maintained(a_desk: OpenDesk) -> None:
    """It kept the message's id, and the outbox did not know of the message."""
    desk = await a_desk()
    policy = desk.desk.directory.policy_on(desk.clock.now().date())
    ref = await desk.chat.post(ACME, cards.get_help(policy), None)
    await desk.desk.key_values.put("get-help", str(ACME), ref.id)
    await round_(desk)
    assert helps(desk) == [ref], "not posted again"
    await desk.fast_forward(hours=2)
    await round_(desk)
    assert desk.posted[0].edits == 2, "drawn again"
    await deleted(desk, ref, "Ev1")
    assert len(helps(desk)) == 2


async def test_an_existing_help_message_is_searched_for_first(a_desk: OpenDesk) -> None:
    """The answer to posting it was lost."""
    desk = await a_desk()
    say = desk.chat.post

    async def arrives_unheard(*what: object, **more: object) -> MessageRef:
        await say(*what, **more)  # type: ignore[arg-type]
        raise TemporaryFailure("no answer in time", maybe_delivered=True)

    desk.chat.post = arrives_unheard  # type: ignore[method-assign]
    await turns(desk, ACME, ChannelChange.JOINED)
    desk.chat.post = say  # type: ignore[method-assign]
    await desk.fast_forward(minutes=2)
    await round_(desk)
    assert len(helps(desk)) == 1


async def test_each_round_checks_a_limited_number_of_channels(
    a_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.desk.channels.MAX_CHECKS", 1)
    desk = await a_desk()
    await round_(desk)
    await desk.fast_forward(hours=2)
    for _ in range(2):
        before = [said.edits for said in desk.posted]
        await round_(desk)
        assert sum(said.edits for said in desk.posted) == sum(before) + 1
    await round_(desk)
    assert [said.edits for said in desk.posted] == [1, 1]


# Cut off, and back ----------------------------------------------------------------------------


@pytest.mark.parametrize("turn", CUTS)
async def test_agents_and_the_tam_are_notified_once_of_a_lost_channel(
    a_desk: OpenDesk, turn: ChannelChange
) -> None:
    desk = await a_desk()
    for summary in ("Bills are late", "Bills are wrong"):
        await desk.submits(ALICE, summary, S2)
    await desk.submits_form(ALICE, "Close", "ACME-2")
    await desk.submits(
        person("Sol", "T0SILVER"),
        "Down",
        {"request": "incident", "production": "down", "privacy": "no"},
        SILVER,
    )
    before = len(desk.heard(TRIAGE)), len(desk.direct(DANA))

    await turns(desk, ACME, turn, "Ev1")
    await turns(desk, ACME, turn, "Ev1")
    await turns(desk, ACME, turn, "Ev2")
    await round_(desk)

    told = desk.heard(TRIAGE)[before[0] :]
    direct = [said.text for said in desk.direct(DANA)][before[1] :]
    assert told == direct
    (text,) = told
    assert text.startswith("Messages no longer reach Acme GmbH in slack:C0ACME: ")
    assert "1 ticket is open there (ACME-1)." in text
    assert 'channels of the account "acme" in frontline.toml' in text


async def test_a_returned_channel_is_reported_and_has_get_help_again(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await turns(desk, ACME, ChannelChange.JOINED)
    await turns(desk, ACME, ChannelChange.LEFT)
    await turns(desk, ACME, ChannelChange.SHARED)
    desk.chat.posted.remove(next(said for said in desk.posted if isinstance(said.view, GetHelp)))
    await turns(desk, ACME, ChannelChange.JOINED)
    assert len(helps(desk)) == 1
    assert desk.heard(TRIAGE)[1:] == [
        "Messages reach Acme GmbH in slack:C0ACME again: the app is in the channel again."
    ]
    await turns(desk, ACME, ChannelChange.LEFT)
    assert len(desk.heard(TRIAGE)) == 3, "cut off anew, told anew"


async def test_get_help_that_still_stands_is_not_posted_twice_when_we_are_back(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    for turn in (ChannelChange.JOINED, ChannelChange.ARCHIVED, ChannelChange.UNARCHIVED):
        await turns(desk, ACME, turn)
    assert len(helps(desk)) == 1


async def test_a_notice_that_failed_is_sent_later(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await round_(desk)
    desk.chat.failures += [TemporaryFailure("ratelimited"), TemporaryFailure("ratelimited")]
    await turns(desk, ACME, ChannelChange.LEFT)
    assert desk.heard(TRIAGE) == []

    await desk.fast_forward(minutes=2)

    assert len(desk.heard(TRIAGE)) == 1
    assert len(desk.direct(DANA)) == 1


async def test_a_notice_that_arrived_is_not_sent_again_after_a_lost_response(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await round_(desk)
    desk.chat.lost += [TemporaryFailure("no answer in time", maybe_delivered=True)] * 2
    await turns(desk, ACME, ChannelChange.LEFT)
    await desk.fast_forward(minutes=2)
    assert len(desk.heard(TRIAGE)) == 1
    assert len(desk.direct(DANA)) == 1
    assert desk.chat.lost == []


async def test_notices_to_triage_are_retried_and_those_to_people_are_not(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await round_(desk)
    desk.chat.failures += [PermanentFailure("user_disabled"), PermanentFailure("not_in_channel")]
    await turns(desk, ACME, ChannelChange.LEFT, "Ev1")
    assert desk.heard(TRIAGE) == []
    await desk.fast_forward(minutes=2)
    assert len(desk.heard(TRIAGE)) == 1
    assert desk.direct(DANA) == []


# Moved ----------------------------------------------------------------------------------------


async def test_a_channel_with_a_new_id_is_still_the_customers(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    await turns(desk, ACME, ChannelChange.JOINED)
    await moves(desk, ACME, NEW)

    assert helps(desk, ACME) == []
    assert len(helps(desk, NEW)) == 1, "it moved along, and is not posted twice"
    warned = desk.heard(TRIAGE)[-1]
    assert 'replace "slack:C0ACME" by "slack:C0ACMENEW" in `channels` of the account "acme".' in warned

    assert form_of(await desk.command(ALICE, NEW)).fields[0].label == "Summary"
    await desk.submits_form(BOB, "Reply", key, text="We are on it")
    assert desk.heard(NEW)[-1] == f"{key} Bob replied: “We are on it”  @Alice"


async def test_threads_go_on_at_the_new_id(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    root = desk.card(key).ref
    await moves(desk, ACME, NEW)
    below, said = MessageRef(NEW, root.id), MessageRef(NEW, "typed")

    await desk.answers(Posted(desk.envelope(), desk.clock.now(), ALICE, NEW, said, "still late", below))
    wrote = await desk.last(key)
    assert isinstance(wrote, CustomerWrote)
    await desk.answers(MessageChanged(desk.envelope(), desk.clock.now(), ALICE, NEW, said, "paid now", below))
    assert desk.thread(key, Audience.AGENTS)[-1] == f"{key} Alice edited a message. It now says: “paid now” "


async def test_a_move_is_stored_and_learned_by_every_process(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await moves(desk, ACME, NEW)
    again = await a_desk()
    await ensure_help_messages(again.desk, desk.desk.key_values)

    key = await again.submits(ALICE, "Bills are late", S2, NEW)

    assert again.card(key).to == NEW
    assert key == "ACME-1"


async def test_a_lost_channel_comes_back_under_its_new_id(a_desk: OpenDesk) -> None:
    """Where a share ends, the invited side's channel goes on under another id."""
    desk = await a_desk()
    await turns(desk, ACME, ChannelChange.JOINED)
    await turns(desk, ACME, ChannelChange.UNSHARED)
    await moves(desk, ACME, NEW)
    await turns(desk, NEW, ChannelChange.UNSHARED)
    await turns(desk, NEW, ChannelChange.SHARED)
    cut_off, moved, back = desk.heard(TRIAGE)
    assert ": the channel is no longer shared" in cut_off
    assert "has a new address" in moved
    assert "slack:C0ACMENEW again: the channel is shared again" in back


async def test_of_several_channels_each_keeps_its_own_tickets(a_desk: OpenDesk) -> None:
    first = 'channels = ["slack:C0ACME"]'
    desk = await a_desk(desk_file=DESK_FILE.replace(first, 'channels = ["slack:C0FIRST", "slack:C0ACME"]'))
    await moves(desk, ACME, NEW)
    assert desk.card(await desk.submits(ALICE, "Bills are late", S2, NEW)).to == NEW
    assert desk.card(await desk.submits(ALICE, "Bills are wrong", S2, ACME)).to == NEW
    desk.chat.in_channels[ALICE.user.id] = frozenset({NEW})
    private = Place("slack", "D0ALICE", True)
    assert desk.card(await desk.submits(ALICE, "No bills at all", S2, private)).to == NEW


async def test_a_channel_may_move_again_and_back(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    directory, third = desk.desk.directory, Place("slack", "C0THIRD")
    await moves(desk, ACME, NEW)
    await moves(desk, NEW, third)
    assert {directory.current_address(place) for place in (ACME, NEW, third)} == {third}
    assert all(directory.account_of(place) for place in (ACME, NEW, third))
    await moves(desk, third, ACME)
    assert {directory.current_address(place) for place in (ACME, NEW, third)} == {ACME}
    assert await desk.desk.key_values.get_all(MOVES) == {str(NEW): str(third), str(third): str(ACME)}


async def test_triage_may_move_too(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    new = Place("slack", "C0TRIAGENEW")
    await moves(desk, TRIAGE, new)
    (warned,) = desk.heard(new)
    assert 'replace "C0TRIAGE" by "C0TRIAGENEW" in `triage` of [slack]' in warned
    key = await desk.submits(ALICE, "Bills are late", S2)
    assert desk.card(key, Audience.AGENTS).to == new
    assert desk.desk.directory.is_triage(new)


async def test_the_desks_file_may_name_the_new_id_later(a_desk: OpenDesk) -> None:
    """Old tickets follow although no account names their channel any more."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are late", S2)
    await moves(desk, ACME, NEW)
    file = desk.desk.directory.settings.accounts["acme"]
    directory = type(desk.desk.directory)(desk.desk.directory.settings)
    directory._by_channel[NEW.platform, NEW.id] = directory._by_channel.pop((ACME.platform, ACME.id))
    directory.moved(ACME, NEW)
    assert directory.channel_of(await desk.ticket(key)) == NEW
    assert directory.account_of(ACME) == directory.account_of(NEW) == file
    assert isinstance(desk.card(key).view, TicketCard)


async def test_a_card_posted_before_the_move_is_edited_at_the_new_address(a_desk: OpenDesk) -> None:
    """Slack knows the message by its old stamp under the channel's new id."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Down", S2)
    card = desk.card(key)
    await turns(desk, ACME, ChannelChange.MOVED, moved_to=NEW)
    card.ref = MessageRef(NEW, card.ref.id)
    await desk.presses(BOB, "Take it", key, TRIAGE)
    assert desk.card_view(key).owner == "Bob"
    assert not any("could not be delivered" in text for text in desk.thread(key, Audience.AGENTS))
