"""SIGHUP to the real desk: a good file is in force at once, a faulty one is refused as a whole."""

from __future__ import annotations

import signal

from tests.process.live_site import LiveSite
from tests.waiting import eventually


async def test_the_desks_file_is_read_again_at_sighup(site: LiveSite) -> None:
    """A faulty file first: agents read one line, the old file stays. Then one with another customer."""
    desk = await site.opens(FRONTLINE_CLOCK=site.clock.replace("*3600", "*1"))
    file = site.folder / "frontline.toml"
    good = file.read_text(encoding="utf-8")
    file.write_text(good.replace('tam = "dana"', 'tam = "nobody"'), encoding="utf-8")
    desk.process.send_signal(signal.SIGHUP)
    await desk.says("the desk's file is faulty and was not reloaded")
    await site.until(
        lambda: any(
            "The new frontline.toml is not in force: frontline.toml: accounts" in site.text(message)
            for message in site.triage.messages
        )
    )
    file.write_text(good.replace('triage = "C0TRIAGE"', 'triage = "C0LUNCH"'), encoding="utf-8")
    desk.process.send_signal(signal.SIGHUP)
    await eventually(lambda: sum("faulty" in str(line.get("event")) for line in desk.logged) == 2)
    assert "restart the desk" in str(desk.logged)

    both = good.replace('"slack:C0SILVER"', '"slack:C0SILVER", "slack:C0LUNCH"')
    file.write_text(both, encoding="utf-8")
    desk.process.send_signal(signal.SIGHUP)
    await desk.says("the desk's file was reloaded")
    assert await site.gets("/readyz") == (200, {"ready": True, "reasons": []})
    await site.slack.command(site.alice, site.lunch, "/support", "Lunch is late")
    assert site.slack.modal_of(site.alice) is not None
    assert await site.stopped() == 0
