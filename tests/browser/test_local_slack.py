"""The desk in a real browser: the local Slack that `make demo` opens, driven from intake to resolution."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from demo import browser as local_slack
from demo.stage import DemoFault, Scenario, a_local_slack, free_port, running_desk
from tests.browser.client import Client
from tools.chromium import browser, found

DOWNLOAD_WITHIN, STORY_WITHIN = 30.0, 55.0
"""Seconds."""
SUMMARY = "Bill generation is slow since this morning"


async def the_client() -> Path:
    """The local Slack's binary; the story is skipped where it cannot be had."""
    if missing := local_slack.why_not():
        pytest.skip(f"the browser story needs the local Slack: {missing}")
    try:
        async with asyncio.timeout(DOWNLOAD_WITHIN):
            return await local_slack._client(Path.home() / ".cache" / "frontline", print)
    except (DemoFault, TimeoutError) as fault:
        pytest.skip(f"the browser story needs the local Slack: {fault}")


async def test_a_ticket_from_intake_to_resolution_in_a_real_browser(tmp_path: Path) -> None:
    chromium = found()
    if chromium is None:
        pytest.skip("the browser story needs Chromium: apt-get install chromium")
    program = await the_client()
    slack_port, desk_port = free_port(), free_port()
    address = f"http://127.0.0.1:{slack_port}"
    surroundings = a_local_slack(f"{address}/api/") | {"FRONTLINE_LOCAL_SLACK": "Europe/Berlin"}
    scenario = Scenario.of("m3ter")
    async with (
        asyncio.timeout(STORY_WITHIN),
        local_slack._workspace(program, tmp_path, slack_port, desk_port),
        running_desk(scenario, tmp_path, scenario.desk_file("m3ter"), desk_port, 1, surroundings) as clock,
        browser(chromium) as page,
    ):
        await asyncio.to_thread(local_slack.show_clock, tmp_path, clock, scenario)
        await tell(Client(page), address)


async def tell(client: Client, address: str) -> None:
    # Alice asks by the command.
    await client.opens(address)
    await client.shows_in_its_title("Mon 10:")
    await client.acts_as("U0ALICE")
    await client.enters("acme")
    await client.says(f"/support {SUMMARY}")
    assert SUMMARY in await client.form()

    # A form that is sent half empty says what is missing and stays.
    await client.sends()
    assert "production" in await client.faults()

    await client.chooses("What is this about", "Something is broken")
    await client.chooses("How is your production", "It works only in part")
    await client.chooses("confidentiality", "No")
    await client.sends_for_good()
    await client.sees("ACME-1", "less than 4 h left")

    # Bob, an agent, works on it in triage.
    await client.acts_as("U0BOB")
    await client.enters("triage")
    await client.presses("ACME-1", "Acknowledge")
    await client.sees("ACME-1", "seen by Bob")
    await client.presses("ACME-1", "Take it")
    await client.sees("ACME-1", "Owner: Bob")
    await client.presses("ACME-1", "Reply")
    await client.fills("We restart the bill queue now.")

    # Alice sees his answer in the ticket's thread.
    await client.acts_as("U0ALICE")
    await client.enters("acme")
    await client.sees("ACME-1", "met")
    await client.opens_thread("ACME-1")
    await client.reads("We restart the bill queue now.")

    # Bob resolves; her card says so.
    await client.acts_as("U0BOB")
    await client.enters("triage")
    await client.presses("ACME-1", "Resolve")
    await client.fills("The queue runs again.")
    await client.acts_as("U0ALICE")
    await client.enters("acme")
    await client.sees("ACME-1", "resolved")

    # The standing message opens the same form.
    await client.presses("Need help from", "Get help")
    assert "Summary" in await client.form()
