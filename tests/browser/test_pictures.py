"""The likeness of Slack that draws docs/pictures, without a browser."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tools.block_kit import Reader
from tools.scenes import play
from tools.slack_pictures import html

NOON = datetime(2026, 3, 20, 11, 0, tzinfo=UTC)
READER = Reader(ZoneInfo("Europe/Berlin"), NOON, {"U0BOB": "Bob"})
DAY = 86_400


@pytest.mark.parametrize(
    ("days", "told"), [(-1, "yesterday"), (0, "today"), (1, "tomorrow"), (3, "Mar 23, 2026")]
)
def test_a_date_is_shown_in_the_readers_zone(days: int, told: str) -> None:
    token = f"<!date^{int(NOON.timestamp()) + days * DAY}^{{date_short_pretty}} at {{time}}|UTC>"
    assert READER.mrkdwn(token) == f"{told} at 12:00"


def test_marks_mentions_and_quotations_are_drawn() -> None:
    drawn = READER.mrkdwn("*ACME-1* <@U0BOB> wrote:\n> it is _slow_\nsnake_case_stays &lt;b&gt;")
    assert "<b>ACME-1</b>" in drawn
    assert "@Bob" in drawn
    assert "<blockquote>it is <i>slow</i></blockquote>" in drawn
    assert "snake_case_stays &lt;b&gt;" in drawn


def test_an_unknown_block_raises_instead_of_drawing_nothing() -> None:
    with pytest.raises(ValueError, match="carousel"):
        READER.blocks([{"type": "carousel"}])


WITHOUT_BUTTONS = {"receipt", "breach", "thread-resolved", "open-tickets", "tam-forecast", "tam-season"}


async def test_every_scene_can_be_drawn(tmp_path: Path) -> None:
    for name, scene in (await play(tmp_path)).items():
        drawn = html(scene)
        assert "<!date" not in drawn, name
        assert "<button" in drawn or name in WITHOUT_BUTTONS, name
