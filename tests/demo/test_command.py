"""`frontline demo`: which demo it starts, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main
from demo import browser, story, teams
from demo.command import BROWSER_SPEED, HEADLESS_SPEED
from demo.stage import DemoFault


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


def test_without_a_browser_the_story_is_played_once(
    shown: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(browser, "why_not", lambda: "npm is not installed")
    assert main(["demo"]) == 0
    assert shown == [("terminal", "m3ter", HEADLESS_SPEED)]
    assert "No browser demo here: npm is not installed" in capsys.readouterr().out


def test_a_demo_that_fails_is_reported_on_one_line(
    shown: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> None:
        raise DemoFault("the desk did not start;\nit says: no")

    monkeypatch.setattr(story, "play", broken)
    assert main(["demo", "--headless", "--once"]) == 1
    assert capsys.readouterr().err == "the desk did not start; it says: no\n"
