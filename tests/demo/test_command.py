"""`frontline demo`: which demo it starts, and where."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bot.__main__ import main
from bot.clock import SimulatedClock
from bot.config.settings import load_desk
from bot.model.address import Place
from demo import browser, story, teams
from demo.command import BROWSER_SPEED, HEADLESS_SPEED
from demo.stage import DemoFault, Scenario, open_in_browser
from sla_core.catalog.load import vendors

HOUR = timedelta(hours=1)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was begun: where, whose policy, how fast."""
    begun: list[tuple[Any, ...]] = []

    async def played(vendor: str, speed: float, *_: object) -> None:
        begun.append(("terminal", vendor, speed))

    async def in_browser(vendor: str, speed: float, folder: Path, say: object, once: bool) -> None:
        begun.append(("browser", vendor, speed, once))

    async def in_playground(vendor: str, speed: float, folder: Path, say: object, once: bool) -> None:
        begun.append(("playground", vendor, speed, once))

    monkeypatch.setattr(story, "play", played)
    monkeypatch.setattr(browser, "show", in_browser)
    monkeypatch.setattr(teams, "show", in_playground)
    for stage in (browser, teams):
        monkeypatch.setattr(stage, "why_not", lambda: None)
    return begun


def test_the_demo_opens_in_the_browser_by_default(shown: list[tuple[Any, ...]]) -> None:
    assert main(["demo"]) == 0
    assert main(["demo", "--teams", "--once", "--vendor", "monta", "--speed", "5"]) == 0
    assert shown == [("browser", "m3ter", BROWSER_SPEED, False), ("playground", "monta", 5.0, True)]


def test_headless_plays_the_story(shown: list[tuple[Any, ...]]) -> None:
    assert main(["demo", "--headless", "--once"]) == 0
    assert shown == [("terminal", "m3ter", HEADLESS_SPEED)]


@pytest.fixture
def consoles(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, datetime]]:
    """Whose desk was begun in the terminal, and when it begins."""
    begun: list[tuple[str, datetime]] = []

    async def console(vendor: str, begins: datetime) -> int:
        begun.append((vendor, begins))
        return 0

    monkeypatch.setattr("bot.__main__._console", console)
    return begun


@pytest.mark.parametrize(("more", "platform"), [((), browser), (("--teams",), teams)])
def test_without_a_browser_the_desk_is_in_the_terminal(
    more: tuple[str, ...],
    platform: ModuleType,
    shown: list[tuple[Any, ...]],
    consoles: list[tuple[str, datetime]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(platform, "why_not", lambda: "npm is not installed")
    assert main(["demo", "--vendor", "monta", *more]) == 0
    [(vendor, begins)] = consoles
    assert (shown, vendor, f"{begins:%A %H:%M}") == ([], "monta", "Monday 10:00")
    told = capsys.readouterr().out
    assert "No browser demo here: npm is not installed" in told
    assert "as bob" in told


def test_without_a_browser_once_is_the_story(
    shown: list[tuple[Any, ...]], consoles: list[tuple[str, datetime]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For scripts, which cannot answer."""
    monkeypatch.setattr(browser, "why_not", lambda: "npm is not installed")
    assert main(["demo", "--once"]) == 0
    assert (shown, consoles) == ([("terminal", "m3ter", HEADLESS_SPEED)], [])


@pytest.mark.parametrize("machine", [("darwin", "arm64"), ("linux", "aarch64"), ("linux", "x86_64")])
def test_the_local_slack_runs_on_linux_with_npm_only(
    machine: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", machine[0])
    monkeypatch.setattr("platform.machine", lambda: machine[1])
    monkeypatch.setattr("shutil.which", lambda name: None)
    why = browser.why_not()
    assert why is not None
    assert ("npm" in why) == (machine == ("linux", "x86_64"))


@pytest.mark.parametrize("vendor", vendors())
def test_it_begins_when_the_vendor_is_open_and_ends_before_a_weekend(vendor: str) -> None:
    scenario = Scenario.of(vendor)
    begins = scenario.begins
    assert f"{begins:%A %H:%M}" == "Monday 10:00"
    half_an_hour = timedelta(minutes=30) * BROWSER_SPEED
    days = [begins + timedelta(hours=hours) for hours in range(0, int(half_an_hour / HOUR) + 1, 24)]
    for at in days:
        assert scenario.hours is None or scenario.hours.is_open(at), "not even a holiday"
    assert half_an_hour < scenario.weekend


@pytest.mark.parametrize("vendor", vendors())
def test_in_the_terminal_it_begins_on_the_next_working_monday(vendor: str) -> None:
    scenario = Scenario.of(vendor)
    for day in range(400):
        now = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
        at = scenario.next_monday(now)
        assert f"{at:%A %H:%M}" == "Monday 10:00"
        assert now < at
        assert scenario.hours is None or scenario.hours.is_open(at)


@pytest.mark.parametrize("vendor", vendors())
def test_its_script_names_answers_that_lead_to_the_severities(vendor: str) -> None:
    scenario = Scenario.of(vendor)
    script = browser._script("http://127.0.0.1:39000", scenario, BROWSER_SPEED)
    for severity in (scenario.severity, scenario.policy.worst):
        for choice in scenario.choices(severity):
            assert f"- {choice}\n" in script
        assert severity.id in script
    assert f"Monday, 10:00 in {scenario.zone}" in script
    own = [line for line in script.splitlines() if not line.startswith("       - ")]
    assert max(map(len, own)) <= 110
    assert "Dana" in script or not scenario.plan.tam


def test_the_page_opens_only_on_a_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    open_in_browser("http://127.0.0.1:1")
    monkeypatch.setenv("DISPLAY", ":0")
    open_in_browser("http://127.0.0.1:2")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.setattr("sys.platform", "darwin")
    open_in_browser("http://127.0.0.1:3")
    assert opened == ["http://127.0.0.1:2", "http://127.0.0.1:3"]


def test_the_page_gets_the_clock_of_the_desk(tmp_path: Path) -> None:
    scenario = Scenario.of("m3ter")
    real = datetime(2026, 11, 29, 12, tzinfo=UTC)
    browser.show_clock(tmp_path, SimulatedClock(real, scenario.begins, 60.0), scenario)
    shows = json.loads((tmp_path / "clock.json").read_text("utf-8"))
    assert datetime.fromtimestamp(shows["real"] / 1000, UTC) == real
    assert datetime.fromtimestamp(shows["shown"] / 1000, UTC) == scenario.begins
    assert (shows["speed"], shows["zone"]) == (60.0, "Europe/Berlin")


def test_a_demo_that_fails_is_reported_on_one_line(
    shown: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> None:
        raise DemoFault("the desk did not start;\nit says: no")

    monkeypatch.setattr(story, "play", broken)
    assert main(["demo", "--headless", "--once"]) == 1
    assert capsys.readouterr().err == "the desk did not start; it says: no\n"


@pytest.mark.parametrize("vendor", vendors())
def test_the_desk_in_the_playground_has_a_file_without_faults(vendor: str, tmp_path: Path) -> None:
    """The Playground's own ids of channels and people are none of Teams'."""
    file = tmp_path / "frontline.toml"
    file.write_text(teams.desk_file(vendor, Scenario.of(vendor)), encoding="utf-8")
    assert load_desk(file).chats["teams"].triage == Place("teams", teams.AGENTS)
