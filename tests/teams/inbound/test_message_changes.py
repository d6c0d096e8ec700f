"""Edited and deleted messages, and attached files."""

from __future__ import annotations

from typing import Any

import pytest

from bot.model.address import MessageRef, Place
from bot.model.inbound import File, MessageChanged, Posted
from tests.teams.activities import BOT, CHANNEL, ROOT, activity, event, file
from tests.teams.conftest import TeamsWithDesk

PLACE = Place("teams", CHANNEL)
EDITED, DELETED = event("editMessage"), event("softDeleteMessage")


async def changed(
    teams_desk: TeamsWithDesk, text: str, stamp: str = "2026-03-20T12:01:00Z", **more: Any
) -> int:
    seen = activity(
        teams_desk.microsoft.service, "messageUpdate", text=text, timestamp=stamp, channelData=EDITED
    )
    status, _ = await teams_desk.send(seen | more)
    return status


async def test_an_edited_message_is_dispatched(teams_desk: TeamsWithDesk) -> None:
    assert await changed(teams_desk, "bill 4712 &amp; more") == 200
    [heard] = teams_desk.desk.heard
    assert isinstance(heard, MessageChanged)
    assert heard.text == "bill 4712 & more"
    assert heard.message == MessageRef(PLACE, "1700000000002")
    assert heard.thread == MessageRef(PLACE, ROOT)
    assert heard.actor.name == "Ann"


async def test_a_deleted_message_is_dispatched(teams_desk: TeamsWithDesk) -> None:
    await teams_desk.send(activity(teams_desk.microsoft.service, "messageDelete", channelData=DELETED))
    [heard] = teams_desk.desk.heard
    assert isinstance(heard, MessageChanged)
    assert (heard.text, heard.message.id) == (None, "1700000000002")


async def test_each_edit_has_its_own_key_and_repeats_share_it(teams_desk: TeamsWithDesk) -> None:
    for text, stamp in (("a", "1"), ("a", "1"), ("b", "2"), ("a", "3")):
        await changed(teams_desk, text, stamp)
    keys = [heard.key for heard in teams_desk.desk.heard]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


async def test_our_own_edits_are_ignored_but_our_deleted_messages_are_not(teams_desk: TeamsWithDesk) -> None:
    us: dict[str, Any] = {"from": {"id": BOT, "name": "Frontline"}}
    assert await changed(teams_desk, "new", **us) == 200
    assert teams_desk.desk.heard == []
    conversation = {"id": CHANNEL, "conversationType": "channel"}
    lost = activity(teams_desk.microsoft.service, "messageDelete", conversation=conversation, **us)
    assert (await teams_desk.send(lost))[0] == 200
    [heard] = teams_desk.desk.heard
    assert (heard.text, heard.thread) == (None, None)


async def test_a_change_that_the_desk_could_not_store_is_redelivered(teams_desk: TeamsWithDesk) -> None:
    teams_desk.desk.answer = RuntimeError("database is locked")
    assert await changed(teams_desk, "new") == 503


async def heard_with(teams_desk: TeamsWithDesk, *attachments: object, text: str = "see") -> Posted:
    seen = activity(teams_desk.microsoft.service, text=text, attachments=list(attachments))
    assert (await teams_desk.send(seen))[0] == 200
    heard = teams_desk.desk.heard[-1]
    assert isinstance(heard, Posted)
    return heard


async def test_files_come_with_their_names_and_links(teams_desk: TeamsWithDesk) -> None:
    heard = await heard_with(teams_desk, file(), file("a_b (1).txt"), text="")
    assert heard.text == ""
    folder = "https://contoso.sharepoint.com/sites/acme/Shared%20Documents"
    assert heard.files == (
        File("error.log", f"{folder}/error.log"),
        File("a_b (1).txt", f"{folder}/a%5Fb%20%281%29.txt"),
    )


async def test_an_inline_image_is_a_file(teams_desk: TeamsWithDesk) -> None:
    heard = await heard_with(teams_desk, {"contentType": "image/*", "contentUrl": "https://smba.example/1"})
    assert heard.files == (File("a picture", ""),)


@pytest.mark.parametrize(
    "other",
    [
        {"contentType": "text/html", "content": "<p>see</p>"},
        {"contentType": "application/vnd.microsoft.card.adaptive", "name": "card", "content": {}},
        {"contentType": "messageReference", "content": "{}"},
        {"contentType": 5, "name": "x"},
        "junk",
        None,
    ],
)
async def test_other_attachments_are_not_files(teams_desk: TeamsWithDesk, other: object) -> None:
    assert (await heard_with(teams_desk, other)).files == ()


@pytest.mark.parametrize(
    "url",
    [
        "http://contoso.sharepoint.com/x",
        "https://evil.example/x.sharepoint.com",
        "https://contoso.sharepoint.com.evil.example/x",
        "https://contoso.sharepoint.com@evil.example/x",
        "https://me@contoso.sharepoint.com/x",
        "https://contoso.sharepoint.com:bad/x",
        "javascript:alert(1)",
        "https://[",
        "",
        None,
    ],
)
async def test_a_file_link_outside_sharepoint_is_dropped(teams_desk: TeamsWithDesk, url: object) -> None:
    assert (await heard_with(teams_desk, file(contentUrl=url))).files == (File("error.log", ""),)
