"""The board: one message in a customer channel that lists the open tickets there, while there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from bot.clock import real_now
from bot.config.settings import Account
from bot.desk import queue
from bot.desk.desk import Desk, try_lock
from bot.model.address import MessageRef, Place
from bot.model.queue import QueueEntry
from bot.model.views import Audience, QueueBoard, QueueRow, QueueSection
from bot.notify.cards import queue_row
from bot.ports import KeyValueStore, Message, Priority, TicketBoard

BOARDS = "board"
"""The key prefix of boards, and the topic with each channel's board: its key, a blank, what it shows."""
MAX_ROWS = 20
CHECK_EVERY = timedelta(hours=1)
OLD_ADDRESS_LIFE = timedelta(hours=1)
"""How long other processes may still look for a board under its channel's former address."""


async def refresh(desk: Desk, channel: Place) -> None:
    """Posts, edits or removes a channel's board; does nothing if it shows the same already."""
    place = desk.directory.current_address(channel)
    if place.platform not in desk.platforms:
        return
    async with try_lock(desk.key_values, f"{BOARDS} {place}") as acquired:
        if acquired:
            await _refresh(desk, place)


async def _refresh(desk: Desk, place: Place) -> None:
    key_values = desk.key_values
    key, shown = await _known(key_values, place)
    board = await _board(desk, place)
    if board is None:
        if key:
            await desk.store.enqueue([_edit(desk, place, key)])
            await key_values.delete(BOARDS, str(place))
        return
    content = _digest(board)
    if key and shown == content:
        return
    messages = [_edit(desk, place, key)] if key else []
    if not key:
        key = f"{BOARDS}/{place}/{real_now().isoformat()}"
        await key_values.put(BOARDS, str(place), key)
    # A board that was decided before a crash may not be stored yet. A known one is ignored.
    await desk.store.enqueue([Message(key, None, place, TicketBoard(), Priority.REPLY), *messages])
    await key_values.put(BOARDS, str(place), f"{key} {content}")


async def refresh_all(desk: Desk) -> timedelta:
    """Refreshes every board that is posted or may be missing. Returns how long to wait until the next time.

    It finds what no change of a ticket reports: a setting that was changed, a channel that is back.
    """
    places = {Place.parse(place) for place in await desk.key_values.get_all(BOARDS)}
    page = await desk.store.queue(None, queue.MAX_ENTRIES)
    for id in {entry.account for entry in page.entries}:
        account = desk.directory.settings.accounts.get(id)
        places.update(desk.directory.channels_of(account) if account and account.board else ())
    for place in sorted(places, key=str):
        await refresh(desk, place)
    return CHECK_EVERY


async def draw(desk: Desk, message: Message) -> QueueBoard | None:
    """What a board shows now. None if nothing is open, or if another message is the channel's board."""
    assert isinstance(message.to, Place)
    place = desk.directory.current_address(message.to)
    key, _ = await _known(desk.key_values, place)
    return await _board(desk, place) if key == (message.edits or message.key) else None


async def on_refused(desk: Desk, message: Message, why: str) -> None:
    """Lets a later refresh try again to post, edit or remove the board."""
    assert isinstance(message.to, Place)
    place = desk.directory.current_address(message.to)
    key, _ = await _known(desk.key_values, place)
    if message.edits is None and key == message.key:
        await desk.key_values.delete(BOARDS, str(place))
    elif message.edits is not None and key in ("", message.edits):
        await desk.key_values.put(BOARDS, str(place), message.edits)


async def repost_deleted(desk: Desk, message: MessageRef) -> None:
    """Posts a channel's board again if that is the deleted message."""
    place = desk.directory.current_address(message.place)
    key, _ = await _known(desk.key_values, place)
    if key and await desk.key_of(message) == key:
        await desk.key_values.put(BOARDS, str(place), key)
        await refresh(desk, place)


async def moved(key_values: KeyValueStore, old: Place, new: Place) -> None:
    """Stores a channel's board under its new address. Messages keep their ids when a channel moves."""
    if (known := await key_values.get(BOARDS, str(old))) is not None:
        await key_values.put(BOARDS, str(new), known)
        await key_values.put(BOARDS, str(old), known, real_now() + OLD_ADDRESS_LIFE)


async def _known(key_values: KeyValueStore, place: Place) -> tuple[str, str]:
    """The key of the channel's board and a digest of what it shows; both empty if none is known."""
    key, _, shown = (await key_values.get(BOARDS, str(place)) or "").partition(" ")
    return key, shown


def _edit(desk: Desk, place: Place, key: str) -> Message:
    return Message(
        key=f"{key}/{real_now().isoformat()}",
        ticket=None,
        to=place,
        content=TicketBoard(),
        priority=Priority.COUNTDOWN,
        edits=key,
        rate_limit_key=desk.directory.rate_limit_key_of(place),
    )


async def _board(desk: Desk, place: Place) -> QueueBoard | None:
    """The board as of now; None if no ticket is open in the channel, or if it shall have none."""
    account = desk.directory.account_of(place)
    if account is None or not account.board:
        return None
    entries, total = await _open_here(desk, account, place)
    if not total:
        return None
    now = desk.clock.now()
    shown = [(each.key, each.summary) for each in entries[:MAX_ROWS] if each.summary]
    rows = tuple(queue_row(key, summary, Audience.CUSTOMER, now) for key, summary in shown)
    board = QueueBoard("Open tickets", now, (QueueSection("", rows, more=total - len(rows)),))
    return await queue.with_links(desk, board, Audience.CUSTOMER)


async def _open_here(desk: Desk, account: Account, place: Place) -> tuple[Sequence[QueueEntry], int]:
    """Open tickets of the account in this channel, most urgent first, and how many there are."""
    if len(account.channels) == 1:
        page = await queue.page_of(desk, [account], MAX_ROWS)
        return page.entries, page.total
    page = await queue.page_of(desk, [account], queue.MAX_ENTRIES)
    channel_of = desk.directory.channel_of
    here = [entry for entry in page.entries if channel_of(await desk.ticket(entry.key)) == place]
    return here, len(here)


def _digest(board: QueueBoard) -> str:
    """Of what people read. The share of a promise's time that is spent changes with every look at it."""
    [section] = board.sections
    visible = [section.more, *map(_visible, section.rows)]
    return sha256(repr(visible).encode()).hexdigest()[:16]


def _visible(row: QueueRow) -> QueueRow:
    return replace(row, promise=replace(row.promise, spent=0.0)) if row.promise else row
