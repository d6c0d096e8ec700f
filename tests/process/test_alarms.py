"""Monitoring alarms with the real `frontline serve`: over HTTP, through kills, to two replicas."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from tests.harness import DESK_FILE
from tests.postgres import Postgres
from tests.process.desk_process import SECRET, TOKEN, DeskProcess, frontline
from tests.process.live_site import CALM_PAGING, LiveSite
from tests.process.replicas import Replicas
from tests.web.test_alert_hooks import alertmanager
from tests.web.test_signatures import signed

ALERTS_SECRET = "a secret of the operator"
ALERTS = """
[[alerts]]
name = "prod"
format = "alertmanager"
account = "acme"
severity = "S1"
secret = "$ALERTS_SECRET"

[[alerts]]
name = "app"
format = "json"
account = "silverline"
severity = "S2"
secret = "$ALERTS_SECRET"
"""


def watches(site: LiveSite) -> None:
    file = DESK_FILE + CALM_PAGING + ALERTS
    (site.folder / "frontline.toml").write_text(file, encoding="utf-8")


async def sends(
    desk: DeskProcess, said: object, name: str = "prod", headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    url = f"{desk.address}/hooks/alerts/{name}"
    given = {"Authorization": f"Bearer {ALERTS_SECRET}"} if headers is None else headers
    async with ClientSession() as session, session.post(url, data=json.dumps(said), headers=given) as got:
        return got.status, await got.json()


async def test_an_alarm_is_a_ticket_through_a_kill(tmp_path: Path) -> None:
    """MON-33, M3-25: the card, the page, and the same ticket when the desk was killed meanwhile."""
    async with LiveSite(tmp_path) as site:
        watches(site)
        desk = await site.opens(ALERTS_SECRET=ALERTS_SECRET)
        group = alertmanager(commonAnnotations={"summary": "The API is down"})
        assert await sends(desk, group, headers={}) == (
            401,
            {"error": "The request is not signed with the secret of this hook."},
        )
        assert (await sends(desk, {"status": "firing"}))[0] == 400
        assert (await sends(desk, group, "nope"))[0] == 404
        assert await sends(desk, group) == (202, {"tickets": ["ACME-1"]})
        await site.until(
            lambda: any("S1 for Acme GmbH: The API is down" in text for text in site.dms(site.bob))
        )
        (card,) = site.posted(site.acme)
        assert "The API is down" in site.text(card)

        await site.killed()
        desk = await site.opens(ALERTS_SECRET=ALERTS_SECRET)
        assert await sends(desk, group) == (202, {"tickets": ["ACME-1"]})
        assert await sends(desk, alertmanager("resolved")) == (202, {"tickets": ["ACME-1"]})
        work = site.agents_card(card)
        await site.until(lambda: any("the alarm ended at" in text for text in site.thread(work)))
        assert any("prod monitoring:" in text for text in site.thread(work))
        assert (await site.fills(site.bob, work, "Resolve", text="A node was replaced.")).closed
        assert await sends(desk, group) == (202, {"tickets": ["ACME-2"]})

        small = {"id": "db-1", "status": "firing", "summary": "Database is down"}
        headers = signed(ALERTS_SECRET, json.dumps(small).encode())
        for _ in range(2):
            assert await sends(desk, small, "app", headers) == (202, {"tickets": ["SILVERLINE-1"]})
        assert await site.stopped() == 0
        assert list(await site.decided()) == ["ACME-1", "ACME-2", "SILVERLINE-1"]
        said = json.dumps(desk.logged)
        assert desk.troubles() == []
        assert ALERTS_SECRET not in said


async def test_two_replicas_get_the_same_notification_at_once(postgres: Postgres, tmp_path: Path) -> None:
    """M3-25: one ticket and one page, whoever is asked; Alertmanager clusters send everything twice."""
    async with Replicas(tmp_path, postgres.fresh()) as site:
        watches(site)
        await site.joined(2, ALERTS_SECRET=ALERTS_SECRET)
        groups = [alertmanager(groupKey=f"group {number}") for number in range(5)]
        answers = await asyncio.gather(
            *(sends(desk, group) for group in groups for desk in (*site.desks, *site.desks))
        )
        assert {status for status, _ in answers} == {202}
        for number in range(5):
            assert len({str(said) for _, said in answers[4 * number : 4 * number + 4]}) == 1
        await site.until(lambda: len([m for m in site.posted(site.acme) if "HighErrors" in m.text]) == 5)
        found = await site.histories()
        assert len(found) == 5
        assert all("CustomerWrote" not in [type(e).__name__ for e in events] for events in found.values())


async def test_a_missing_secret_is_named_before_anything_starts(tmp_path: Path) -> None:
    """`check` reads the file without it; `serve` and `doctor` say which variable is missing."""
    (tmp_path / "frontline.toml").write_text(DESK_FILE + ALERTS, encoding="utf-8")
    given = {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": SECRET}
    fault = (
        "environment: ALERTS_SECRET: is not set; alerts.prod.secret and alerts.app.secret in frontline.toml "
        "name it"
    )
    for command in ("serve", "doctor"):
        ended = await frontline(command, folder=tmp_path, **given)
        assert (ended.code, ended.faults) == (1, [fault])
    ended = await frontline("serve", folder=tmp_path, ALERTS_SECRET="whsec_hunter2!", **given)
    assert (ended.code, len(ended.faults)) == (1, 1)
    assert "hunter2" not in ended.err
    assert (await frontline("check", folder=tmp_path)).code == 0
