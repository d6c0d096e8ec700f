"""The real process when the disk is full, when Slack is away, with a big database; and what it tells."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession

from bot.clock import real_now
from bot.telemetry import REGISTRY
from sla_core.events import Acknowledged, Breached, CustomerWrote, Opened
from tests.harness import S1, S2
from tests.process.crash_run import WORD, CrashRun
from tests.process.desk_process import HASTY, SECRET, TOKEN, DeskProcess
from tests.process.live_site import LiveSite
from tests.waiting import PATIENCE, eventually

AGAIN = "Nothing was changed; please try again"
SPEECH = frozenset({"chat.postMessage", "chat.update", "conversations.replies", "conversations.history"})

at_pace = pytest.mark.parametrize("module", [HASTY, pytest.param("bot", marks=pytest.mark.soak)])
"""In `make soak` also while messages wait for Slack's pace."""


def limit_files(desk: DeskProcess, most: int) -> None:
    """From now on it cannot write further than this into any file, as on a full disk."""
    resource.prlimit(desk.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


async def metrics_of(site: LiveSite) -> dict[str, float]:
    assert site.desk
    async with ClientSession() as session, session.get(f"{site.desk.address}/metrics") as said:
        lines = (await said.text()).splitlines()
    return {name: float(value) for name, value in (li.rsplit(" ", 1) for li in lines if li[:1] != "#")}


async def ready(site: LiveSite) -> bool:
    return (await site.gets("/readyz"))[0] == 200


async def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """engine.md 5: nothing is acknowledged that is not kept; it goes on when there is space again."""
    async with CrashRun(tmp_path, seed=1, lives=2, speed=1) as site:
        await site.listens()
        first, other = site.lives
        await site.opens_ticket(first, S2)
        card = await site.slack.until(lambda: site.posted(first.where))
        work = (await site.slack.until(lambda: site.cards(site.triage, "ACME-1")))[0]
        await site.all_said(within=PATIENCE)
        desk = site.desks[0]

        limit_files(desk, 1)
        await site.slack.command(other.asker, other.where, "/support", other.words("Opened"))
        modal = site.slack.modal_of(other.asker)
        assert modal
        refused = await site.slack.submit(other.asker, dict(S2))
        assert (refused.closed, AGAIN in str(refused.errors)) == (False, True)
        assert modal.input("summary").value == other.words("Opened")
        writing = asyncio.create_task(site.slack.say(first.asker, first.where, first.words("Wrote"), card[0]))
        await site.slack.until(lambda: any(a.kind == "message" and a.status == 503 for a in site.slack.acks))
        await site.slack.press(first.agent, work, "Acknowledge")
        await site.slack.until(
            lambda: any(AGAIN in site.text(m) for m in site.slack.ephemerals(first.agent)), 10
        )
        assert desk.process.returncode is None

        limit_files(desk, resource.RLIM_INFINITY)
        assert (await site.slack.submit(other.asker)).closed
        await site.slack.press(first.agent, work, "Acknowledge")
        await writing
        await site.slack.until(lambda: "seen by" in site.text(work))
        await site.slack.until(lambda: site.posted(other.where))
        await site.slack.settle()
        await site.all_said(within=PATIENCE)
        await eventually(lambda: ready(site))
        assert await site.stopped() == 0
        assert {key: [type(e) for e in events[:1]] for key, events in (await site.history()).items()} == {
            "ACME-1": [Opened],
            "BOLT-1": [Opened],
        }
        kept = [type(e) for e in (await site.history())["ACME-1"]]
        assert (kept.count(Acknowledged), kept.count(CustomerWrote)) == (1, 1)
        site.says_nothing_private()


@at_pace
async def test_sigterm_under_load_loses_nothing(tmp_path: Path, module: str) -> None:
    """Complaint 36: a deploy loses nothing, says nothing twice and takes no ten seconds."""
    async with CrashRun(tmp_path, seed=3, lives=2, speed=1800, module=module) as site:
        await site.listens()
        people = asyncio.gather(*map(site.lives_through, site.lives))
        took = []
        for _ in range(2):
            await site.calls(site.random.randrange(5, 25))
            began = time.monotonic()
            assert await site.stopped() == 0
            took.append(time.monotonic() - began)
            await site.listens()
        await people
        await site.last_retries()
        await asyncio.gather(*map(site.ends, site.lives))
        await site.slack.settle()
        await site.all_said(within=PATIENCE)
        assert await site.stopped() == 0
        print(f"stopped in {', '.join(f'{seconds:.1f} s' for seconds in took)}; said twice {site.repeats()}")
        await site.is_well()
        assert site.repeats() == 0
        assert [line for desk in site.desks for line in desk.troubles()] == []
        assert "Traceback" not in str([desk.logged for desk in site.desks])


@at_pace
async def test_an_outage_of_slack_loses_nothing(tmp_path: Path, module: str) -> None:
    """engine.md 7: errors, rate limits, silence; afterwards every message is sent.

    At Slack's pace, pages do not wait for the rest.
    """
    async with CrashRun(tmp_path, seed=4, lives=6, speed=1, module=module) as site:
        await site.listens()
        calls: Callable[[str], bool] = SPEECH.__contains__
        site.unreliable.away = ("500", calls)
        await asyncio.gather(*(site.opens_ticket(life, S2) for life in site.lives[:3]))
        await site.turned_away("500", 3)
        site.unreliable.away = ("429", calls)
        await asyncio.gather(*(site.opens_ticket(life, S1) for life in site.lives[3:]))
        await site.turned_away("429", 3)
        site.unreliable.away = ("silence", calls)
        await site.turned_away("silence", 2)
        before = await metrics_of(site)
        site.unreliable.comes_back()
        back = time.monotonic()

        def pages() -> int:
            return sum("<@U0BOB>" in str(message.blocks) for message in site.triage.messages)

        await site.slack.until(lambda: pages() == 3)
        paged = time.monotonic() - back
        assert site.waiting() or module == HASTY
        await site.all_said(within=PATIENCE)
        said = time.monotonic() - back
        print(f"paged {paged:.1f} s after Slack was back, all said {said:.1f} s after")
        after = await metrics_of(site)
        deferred = [name for name in before if 'outcome="put_off"' in name and "deliveries_total" in name]
        assert sum(before[name] for name in deferred) > 0
        sent = 'frontline_deliveries_total{outcome="sent",platform="slack",priority="page"}'
        # Two people are paged for each, in triage and directly; and the agents' cards that it hangs from.
        assert (before.get(sent, 0.0), after[sent]) == (0.0, 15.0)
        assert (await site.gets("/readyz"))[0] == 200
        assert await site.stopped() == 0
        assert site.repeats() == 0
        assert site.desks[0].troubles() == []


@pytest.mark.soak
async def test_agents_are_notified_once_of_lag(tmp_path: Path) -> None:
    """engine.md 12: what is not delivered for a minute; it is over when it is over."""
    async with CrashRun(tmp_path, seed=5, lives=1, speed=1) as site:
        await site.listens()
        site.unreliable.away = ("500", lambda method: method == "chat.update")
        await site.opens_ticket(site.lives[0], S2)
        await site.slack.until(lambda: site.cards(site.triage, "ACME-1"))
        await site.presses(site.lives[0].agent, site.cards(site.triage, "ACME-1")[0], "Acknowledge")

        def told(words: str) -> int:
            return sum(words in site.text(message) for message in site.triage.messages)

        await site.slack.until(lambda: told("Frontline is behind: "), 120)
        assert (await metrics_of(site))["frontline_alarms_total"] == 1
        site.unreliable.comes_back()
        await site.slack.until(lambda: told("Frontline has caught up."), 120)
        assert told("Frontline is behind: ") == told("Frontline has caught up.") == 1
        assert await site.stopped() == 0


async def big(folder: Path, tickets: int, due: int = 20) -> tuple[float, float]:
    """The seconds until it listens, more than with one, and the MB it takes with so many open tickets."""
    async with CrashRun(folder, seed=6, lives=1, speed=3600) as site:
        await site.listens()
        await site.opens_ticket(site.lives[0], S2)
        await site.slack.until(lambda: site.cards(site.triage, "ACME-1"))
        await site.killed()
        small = await _started_in(site)
        await site.killed()
        _copy_ticket(folder / "frontline.db", tickets, due)
        ready = await _started_in(site)
        assert (await site.gets("/healthz"))[0] == 200
        await _breached(folder / "frontline.db", due)
        assert site.desk
        memory = resident(site.desk.process.pid)
        assert (await site.gets("/readyz")) == (200, {"ready": True, "reasons": []})
        assert await site.stopped() == 0
        assert site.desks[-1].troubles() == []
        decided = await site.history_of(f"ACME-{number}" for number in range(2, due + 1))
        assert all(sum(isinstance(event, Breached) for event in events) == 1 for events in decided)
        print(
            f"{tickets} open tickets: listens after {ready:.2f} s, {memory:.0f} MB; with one: {small:.2f} s"
        )
        return ready - small, memory


async def _started_in(site: CrashRun) -> float:
    """Seconds."""
    began = time.monotonic()
    await site.listens()
    return time.monotonic() - began


async def _breached(database: Path, number: int) -> None:
    """Until so many tickets have breached."""
    asked = "SELECT count(*) FROM event WHERE kind = 'Breached'"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        await eventually(lambda: db.execute(asked).fetchone()[0] >= number, every=0.1)


def resident(process: int) -> float:
    """MB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def _copy_ticket(database: Path, tickets: int, due: int) -> None:
    """More tickets like the first one; all but a few have their next wake-up in some years."""
    with closing(sqlite3.connect(database)) as db, db:
        db.execute(
            "CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < ?) SELECT i FROM n",
            (tickets,),
        )
        db.execute(
            "INSERT INTO ticket (key, account, number, version, wake_at, opened_at, closed)"
            " SELECT 'ACME-' || i, account, i, 1, CASE WHEN i <= ? THEN opened_at ELSE"
            " opened_at + 100000000000000 + i END, opened_at, 0"
            " FROM n, ticket WHERE key = 'ACME-1'",
            (due,),
        )
        db.execute(
            "INSERT INTO event (ticket, seq, at, kind, body) SELECT 'ACME-' || i, 1, at, kind, body"
            " FROM n, event WHERE ticket = 'ACME-1' AND seq = 1"
        )


async def test_a_database_of_thousands(tmp_path: Path) -> None:
    await big(tmp_path, 5_000)


@pytest.mark.soak
async def test_a_database_of_a_hundred_thousand(tmp_path: Path) -> None:
    later, memory = await big(tmp_path, 100_000)
    assert later < 1
    assert memory < 300


async def test_health_and_metrics_show_the_outage(tmp_path: Path) -> None:
    """Counters move, one trace leads from the click to the message, and no line tells what was written."""
    async with CrashRun(tmp_path, seed=7, lives=1, speed=1) as site:
        await site.listens()
        (life,) = site.lives
        await site.opens_ticket(life, S2)
        work = (await site.slack.until(lambda: site.cards(site.triage, "ACME-1")))[0]
        # Else the channel's board may be the message that fails below.
        await site.slack.until(
            lambda: any(m.text.startswith("Open tickets") for m in site.slack.messages(life.where)), PATIENCE
        )
        await site.all_said(within=PATIENCE)
        before = await metrics_of(site)
        names = {name.partition("{")[0] for name in before}
        known = {sample.name for family in REGISTRY.collect() for sample in family.samples}
        # Promises are counted a minute after the start, and once they are settled; in this process, other
        # tests may have settled some.
        assert {name for name in known if not name.startswith("frontline_promises")} <= names

        site.slack.fail_next("chat.postMessage", status=500, channel=life.where)
        await site.fills_in(life.agent, work, "Reply", life.words("Reply"))
        await site.slack.until(
            lambda: any("Reply" in text for text in site.thread(site.posted(life.where)[0])), PATIENCE
        )
        await site.all_said(within=PATIENCE)
        after = await metrics_of(site)
        moved = {name for name in after if after[name] > before.get(name, 0.0)}
        assert 'frontline_acts_total{kind="Submission"}' in moved
        assert 'frontline_deliveries_total{outcome="put_off",platform="slack",priority="reply"}' in moved
        assert 'frontline_deliveries_total{outcome="sent",platform="slack",priority="reply"}' in moved
        assert 'frontline_delivery_late_seconds_count{platform="slack",priority="reply"}' in moved

        lines = site.desks[0].logged
        act = next(
            li for li in lines if li["event"] == "act" and (li["kind"], li["what"]) == ("Submission", "reply")
        )
        late = next(li for li in lines if li["event"] == "not delivered yet")
        assert act["trace"]
        assert (late["trace"], late["ticket"]) == (act["trace"], "ACME-1")
        assert await site.stopped() == 0
        site.says_nothing_private()
        assert not any(word in str(lines) for word in (WORD, TOKEN, SECRET))


async def test_the_pager_is_tested_once_a_day(tmp_path: Path) -> None:
    """engine.md 12: the pager test takes the whole real path; a restart does not repeat it."""
    half_a_day_ago = f"{real_now() - timedelta(hours=12):%H:00}"
    async with LiveSite(tmp_path) as site:
        await site.opens()
        began = time.time()

        def tests() -> int:
            words = f"Daily test page, {half_a_day_ago} UTC. You do not need to do anything."
            return sum(site.text(message) == words for message in site.triage.messages)

        async def arrived() -> bool:
            return (await metrics_of(site))["frontline_drill_timestamp_seconds"] >= began

        for _ in range(2):
            assert await site.stopped() == 0
            await site.opens(FRONTLINE_DRILL=half_a_day_ago)
            await site.until(tests)
            await eventually(arrived)
        assert tests() == 1
        assert await site.stopped() == 0
