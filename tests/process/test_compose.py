"""The processes of compose.yaml, started one by one: a migration, then two desks that share a ticket."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tests.harness import S2
from tests.process.desk_process import environment, frontline
from tests.process.replicas import Replicas

REPOSITORY = Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))["services"]


async def health(address: str, **given: str) -> tuple[int, str]:
    """What the image's HEALTHCHECK says of a desk: its exit code and why."""
    said = environment(PORT=str(urlsplit(address).port), **given)
    program = str(REPOSITORY / "deploy" / "healthcheck.py")
    process = await asyncio.create_subprocess_exec(sys.executable, program, env=said, stderr=PIPE)
    _, why = await process.communicate()
    assert process.returncode is not None
    return process.returncode, why.decode()


async def test_a_ticket_goes_through_the_processes_of_compose(
    empty_postgres_url: str, tmp_path: Path
) -> None:
    """Opened at one replica, answered at the other. Only addresses and paths differ from the file."""
    here = {
        "DATABASE_URL": empty_postgres_url,
        "FRONTLINE_CONFIG": str(tmp_path / "frontline.toml"),
        "HOST": "127.0.0.1",
        "PORT": "0",
    }
    desk, migrate = SERVICES["frontline"], SERVICES["migrate"]
    assert set(desk["environment"]) == set(migrate["environment"]) == set(here)

    migrated = await frontline(*migrate["command"], folder=tmp_path, **here)
    assert migrated.code == 0, migrated.err
    assert migrated.out.startswith("The database was created at revision ")
    async with Replicas(tmp_path, empty_postgres_url) as site:
        assert desk["command"] == ["serve"]
        await site.joined(desk["deploy"]["replicas"], **here)
        site.turn(to=0)
        card = await site.opened(S2, "Bills are slow")
        site.turn(to=1)
        await site.in_hand(card)
        assert (await site.fills(site.bob, site.agents_card(card), "Reply", text="We look into it.")).closed
        await site.until(lambda: any("We look into it." in text for text in site.thread(card)))
        await site.until(lambda: "met" in site.text(card))
        addresses = [each.address for each in site.desks]
        assert await asyncio.gather(*map(health, addresses)) == [(0, "")] * 2
        for each in site.desks:
            assert each.troubles() == []
            assert await each.stop() == 0
        code, why = await health(addresses[0])
        assert code == 1
        assert why.startswith("/readyz does not answer at port ")
