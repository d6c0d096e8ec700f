"""Calendars that are fetched: the last good one stays, also over a restart, and the desk says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from bot.config.directory import Directory
from bot.config.oncall_calendar import OnCallFeed
from bot.config.settings import DeskSettings, load_desk
from bot.desk.desk import Desk, InMemoryKeyValueStore
from bot.ports import KeyValueStore, TemporaryFailure
from bot.runtime.oncall_feeds import FETCH_EVERY, TOPIC, FeedRefresh, read_feeds
from tests.config.test_rotas import BOBS_WEEKS, EVES_WEEKS, LISTS, event, ics
from tests.desk_file import desk_file
from tests.harness import BOB, TRIAGE, DeskInMemory, FakeChat, HeldClock, answer_text
from tests.memory_store import MemoryStore
from tests.sla_core.oracle_oncall import utc

NOW = utc("2026-01-13T12:00")
"""In a week of Eve's."""
URL = "https://calendars.example/private-5ecret/oncall.ics"
GOOD, OTHER = ics(BOBS_WEEKS, EVES_WEEKS), ics(BOBS_WEEKS)


class Calendars:
    """The texts at addresses; an exception is raised instead."""

    def __init__(self, **texts: str | Exception) -> None:
        self.now: str | Exception = texts.get("text", GOOD)
        self.asked: list[str] = []

    async def fetch(self, url: str) -> str:
        self.asked.append(url)
        if isinstance(self.now, Exception):
            raise self.now
        return self.now


AWAY = TemporaryFailure("it answers with status 503")


def settings(folder: Path, address: str = URL) -> DeskSettings:
    path = folder / "frontline.toml"
    rota = f'[rotas.first_line]\ncalendar = "{address}"\nzone = "Europe/Berlin"\n'
    path.write_text(desk_file(rotas=LISTS) + rota, encoding="utf-8")
    return load_desk(path)


def holder(desk: DeskSettings) -> str | None:
    return desk.rotas["first_line"].on_call(NOW).person


def started(
    desk: DeskSettings, calendars: Calendars, store: KeyValueStore | None = None
) -> tuple[FeedRefresh, HeldClock]:
    clock = HeldClock("2026-01-13T12:00:00Z")
    return FeedRefresh(desk.feeds, calendars.fetch, store or InMemoryKeyValueStore(), clock), clock


async def test_a_feed_is_read_at_the_start_and_every_five_minutes(tmp_path: Path) -> None:
    desk, calendars = settings(tmp_path), Calendars()
    assert holder(desk) is None
    feeds, clock = started(desk, calendars)
    await feeds.learn()
    assert (holder(desk), calendars.asked) == ("eve", [URL])
    calendars.now = OTHER
    clock.at += FETCH_EVERY - timedelta(seconds=1)
    await feeds.learn()
    assert holder(desk) == "eve"
    clock.at += timedelta(seconds=1)
    await feeds.learn()
    assert (holder(desk), len(calendars.asked)) == (None, 2)


@pytest.mark.parametrize(
    ("becomes", "says"),
    [
        (AWAY, "it answers with status 503"),
        ("<html>Sign in</html>", "is not an iCalendar file; export the calendar as .ics"),
        (ics(event("Lunch", "DTSTART:20260105T090000Z")), 'the event "Lunch" of 2026-01-05 names nobody'),
    ],
    ids=["away", "another page", "an unknown name"],
)
async def test_a_feed_that_fails_keeps_its_last_good_calendar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], becomes: str | Exception, says: str
) -> None:
    desk, calendars = settings(tmp_path), Calendars()
    feeds, clock = started(desk, calendars)
    await feeds.learn()
    calendars.now = becomes
    clock.at += FETCH_EVERY
    await feeds.learn()
    assert holder(desk) == "eve"
    problem = desk.feeds["first_line"].problem or ""
    assert says in problem
    assert problem.endswith("; its last good version is used")
    assert f"rotas.first_line.calendar: the feed cannot be read: {says}" in capsys.readouterr().out

    calendars.now = GOOD
    clock.at += FETCH_EVERY
    await feeds.learn()
    assert desk.feeds["first_line"].problem is None


async def test_the_last_good_calendar_survives_a_restart(tmp_path: Path) -> None:
    store = InMemoryKeyValueStore()
    before, _ = started(settings(tmp_path), Calendars(), store)
    await before.learn()
    assert await store.get(TOPIC, "first_line") == GOOD
    desk, calendars = settings(tmp_path), Calendars(text=AWAY)
    after, _ = started(desk, calendars, store)
    await after.learn()
    assert holder(desk) == "eve"
    assert (desk.feeds["first_line"].problem or "").endswith("its last good version is used")


async def test_without_any_calendar_nobody_is_on_call_and_that_is_said(tmp_path: Path) -> None:
    desk = settings(tmp_path)
    feeds, _ = started(desk, Calendars(text=AWAY))
    await feeds.learn()
    assert holder(desk) is None
    assert desk.feeds["first_line"].problem == (
        "the feed cannot be read: it answers with status 503; nobody is on call until it can be read"
    )


async def test_one_feed_that_fails_does_not_hide_another(tmp_path: Path) -> None:
    feeds = {role: settings(tmp_path).feeds["first_line"] for role in ("first_line", "second_line")}
    feeds["second_line"].address = "https://away.example"

    async def fetch(url: str) -> str:
        if "away" in url:
            raise AWAY
        return GOOD

    async def nothing_stored(role: str) -> str | None:
        return None

    (problem,) = await read_feeds(feeds, fetch, nothing_stored)
    assert problem.startswith("rotas.second_line.calendar: ")
    assert feeds["first_line"].people == {"bob", "eve"}


async def test_an_address_may_be_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, calendars = settings(tmp_path, "$ONCALL_FEED"), Calendars()
    feeds, clock = started(desk, calendars)
    monkeypatch.delenv("ONCALL_FEED", raising=False)
    await feeds.learn()
    assert "set ONCALL_FEED in the environment" in (desk.feeds["first_line"].problem or "")
    monkeypatch.setenv("ONCALL_FEED", "webcal://calendars.example/private-5ecret/oncall.ics")
    clock.at += FETCH_EVERY
    await feeds.learn()
    assert (holder(desk), calendars.asked) == ("eve", [URL])


async def test_agents_read_that_the_calendar_may_be_old(tmp_path: Path) -> None:
    settled, calendars = settings(tmp_path), Calendars()
    feeds, clock = started(settled, calendars)
    await feeds.learn()
    chat = FakeChat()
    store = MemoryStore()
    desk = DeskInMemory(Desk(store, clock, Directory(settled), {"slack": chat}), store, clock, chat)
    assert "First line: Eve until Mon 19 Jan 08:00, then Bob\n" in await shown(desk)
    calendars.now = AWAY
    clock.at += FETCH_EVERY
    await feeds.learn()
    assert "then Bob (its calendar cannot be read at the moment)\n" in await shown(desk)


async def shown(desk: DeskInMemory) -> str:
    return answer_text(await desk.command(BOB, TRIAGE, "oncall"))


def test_feeds_are_told_from_files(tmp_path: Path) -> None:
    feeds: Mapping[str, OnCallFeed] = settings(tmp_path).feeds
    assert list(feeds) == ["first_line"]
    assert load_desk(tmp_path / "frontline.toml").warnings == ()
