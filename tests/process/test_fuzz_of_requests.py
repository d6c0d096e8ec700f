"""Whatever arrives at any address is answered without a 500 and without a traceback, and nothing grows."""

from __future__ import annotations

import itertools
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import pytest

from demo.slack.actions.bot_client import Request
from tests.harness import DESK_FILE, S2
from tests.pager.services import VARIABLES
from tests.process.desk_process import DeskProcess
from tests.process.fuzzed_requests import ALERTS_SECRET, Outcome, fuzzed, send_all
from tests.process.live_site import CALM_PAGING, LiveSite
from tests.process.test_outages import resident
from tests.process.test_pagers import PAGERS

MOST_GROWTH = 64.0
"""MB, after the first tenth of the requests."""
LONGEST_LINE = 64 * 1024
"""Characters of a log line, which quotes what strangers sent. Log readers split or drop longer ones."""
MORE = f"""
[teams]
{PAGERS}
[[alerts]]
name = "prod"
format = "alertmanager"
account = "acme"
severity = "S1"
secret = "$ALERTS_SECRET"

[[alerts]]
name = "app"
format = "json"
account = "acme"
severity = "S2"
secret = "$ALERTS_SECRET"
"""


async def honest_day(site: LiveSite) -> None:
    """Requests of several kinds for the samples, and a ticket that forged ones may name."""
    card = await site.opened(S2, "Bills are slow")
    work = await site.in_hand(card)
    assert (await site.fills(site.bob, work, "Reply", text="We look into it.")).closed
    await site.slack.say(site.alice, site.acme, "It got worse", card)
    await site.slack.command(site.alice, site.acme, "/support", "list")
    await site.slack.settle()


async def survives(folder: Path, number: int, seed: int) -> Outcome:
    """One workspace, Teams, monitoring and pagers."""
    async with LiveSite(folder) as site:
        (folder / "frontline.toml").write_text(DESK_FILE + MORE + CALM_PAGING, encoding="utf-8")
        desk = await site.opens(
            **VARIABLES,
            PD_URL="http://127.0.0.1:9/",
            HOOK_URL="http://127.0.0.1:9/",
            ALERTS_SECRET=ALERTS_SECRET,
            FRONTLINE_TEAMS_ANONYMOUS="1",
        )
        await honest_day(site)
        return await stands(desk, number, seed, [ack.request for ack in site.slack.acks])


async def survives_with_oauth(folder: Path, number: int, seed: int) -> Outcome:
    """An app that many workspaces may install, and none has."""
    (folder / "frontline.toml").write_text(DESK_FILE, encoding="utf-8")
    async with LiveSite(folder) as site:
        await site.opens()
        await honest_day(site)
        samples = [ack.request for ack in site.slack.acks]
        assert await site.stopped() == 0
        given = {name: value for name, value in site.environment.items() if name != "SLACK_BOT_TOKEN"}
        site.desk = await DeskProcess.start(
            folder,
            **given,
            SLACK_CLIENT_ID="1.2",
            SLACK_CLIENT_SECRET="secret",
            FRONTLINE_SECRET_KEY=b64encode(b"k" * 32).decode(),
        )
        return await stands(site.desk, number, seed, samples)


async def stands(desk: DeskProcess, number: int, seed: int, honest: Sequence[Request]) -> Outcome:
    requests = fuzzed(number, seed, honest)
    first = await send_all(desk, itertools.islice(requests, number // 10))
    before = resident(desk.process.pid)
    outcome = await send_all(desk, requests)
    grown = resident(desk.process.pid) - before
    print(f"{outcome.statuses}, slowest {outcome.slowest[0]:.2f} s, grown by {grown:.0f} MB")
    assert first.failed + outcome.failed == []
    assert {200, 400, 401, 404} <= set(outcome.statuses + first.statuses)
    assert desk.process.returncode is None
    lines = [line for line in desk.logged if "Traceback" in str(line) or line.get("level") == "none"]
    assert not lines, lines[:3]
    assert max(len(str(line)) for line in desk.logged) < LONGEST_LINE
    assert grown < MOST_GROWTH
    await desk.kill()
    return outcome


async def test_a_few_hundred_requests_that_nobody_honest_sends(tmp_path: Path) -> None:
    await survives(tmp_path, 400, seed=20261130)


@pytest.mark.soak
async def test_two_hundred_thousand_requests_that_nobody_honest_sends(tmp_path: Path) -> None:
    for folder, number, story in (("one", 190_000, survives), ("many", 10_000, survives_with_oauth)):
        (tmp_path / folder).mkdir()
        outcome = await story(tmp_path / folder, number, seed=1)
        assert outcome.slowest[0] < 3, outcome.slowest
