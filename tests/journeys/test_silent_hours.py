"""Hours of silence in an emergency of Monetate's, which promises news every hour: who hears what, and when.

docs/adr/0012-repetitions-belong-to-the-ticket.md says why the repetitions are these.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sla_core.events import Breached, LastWarned, Notified, Warned
from tests.harness import ALICE, BOB, DANA, DeskInMemory, open_desk
from tests.platforms.desk_files import monetate_desk

FRIDAY = "2026-03-20T15:30:00Z"
EMERGENCY = {"category": "error", "impact": "yes", "reason": "no"}
ALERTS = {LastWarned: "warning", Breached: "miss"}


async def emergency(folder: Path, backup: str = "") -> tuple[DeskInMemory, str]:
    """Bob has seen it, so nobody is paged."""
    file = monetate_desk("slack").replace('tam = "dana"\n', f'tam = "dana"\n{backup}')
    desk = await open_desk(folder, FRIDAY, file)
    key = await desk.submits(ALICE, "Broken images", EMERGENCY)
    await desk.presses(BOB, "Acknowledge", key)
    return desk, key


def after(start: datetime, at: datetime) -> str:
    """`1:30`, by the full minute."""
    minutes = int((at - start).total_seconds() // 60)
    return f"{minutes // 60}:{minutes % 60:02d}"


async def directs(desk: DeskInMemory, key: str) -> list[str]:
    """The direct messages to the TAM and others: when, to whom, about what, and why again."""
    history = (await desk.ticket(key)).history
    found = []
    for event in history:
        if isinstance(event, Notified):
            about = ALERTS[type(history[event.of - 1])]
            found.append(f"{after(history[0].at, event.at)} {event.person} {about} {event.why}".strip())
    return found


async def missed_at(desk: DeskInMemory, key: str) -> list[str]:
    history = (await desk.ticket(key)).history
    return [after(history[0].at, event.due_at) for event in history if isinstance(event, Breached)]


async def test_five_silent_hours(tmp_path: Path) -> None:
    """MON-25: five counted misses; for each one draft, one warning, one message of the miss, one honest line.

    A message that nobody answers for half an hour is repeated, since the TAM answers none: to her, to her
    backup, to leadership. After that, the next alert begins with her again.
    """
    desk, key = await emergency(tmp_path, 'tam_backup = "eve"\n')
    await desk.fast_forward(hours=5, seconds=1)
    history = (await desk.ticket(key)).history
    counted = [sum(isinstance(event, kind) for event in history) for kind in (Warned, LastWarned, Breached)]
    assert counted == [5, 5, 5]
    assert await missed_at(desk, key) == ["1:00", "2:00", "3:00", "4:00", "5:00"]
    assert sum("/draft/" in (said.key or "") for said in desk.posted) == 5
    lines = [text for text in desk.thread(key) if "We missed the hourly update" in text]
    assert len(lines) == 5
    assert "We have now missed 5 updates in a row." in lines[-1]
    assert await directs(desk, key) == [
        *("0:52 dana warning", "1:00 dana miss", "1:30 dana miss again"),
        *("1:52 dana warning", "2:00 dana miss", "2:30 eve miss backup"),
        *("2:52 dana warning", "3:00 dana miss", "3:30 mia miss leadership"),
        *("3:52 dana warning", "4:00 dana miss", "4:30 dana miss again"),
        *("4:52 dana warning", "5:00 dana miss"),
    ]
    told = [said.text for said in desk.direct(DANA)]
    assert sum("You have not answered this message for half an hour." in text for text in told) == 2
    assert len(told) == 12


async def test_who_answers_gets_each_alert_once(tmp_path: Path) -> None:
    """MON-25: with an answer to the first message of each hour, nothing is repeated to anybody."""
    desk, key = await emergency(tmp_path, 'tam_backup = "eve"\n')
    await desk.fast_forward(hours=1, seconds=1)
    for _ in range(2):
        message = desk.direct(DANA)[-1]
        button = next(each for each in message.view.buttons if each.label == "Acknowledge")  # type: ignore[union-attr]
        await desk.presses_on(DANA, message, button)
        await desk.fast_forward(hours=1)
    assert await directs(desk, key) == [
        *("0:52 dana warning", "1:00 dana miss"),
        *("1:52 dana warning", "2:00 dana miss"),
        *("2:52 dana warning", "3:00 dana miss"),
    ]


async def test_a_milestone_in_between_begins_the_hour_again(tmp_path: Path) -> None:
    """MON-20, MON-25: two misses before it, and the next one an hour after it, counted from one."""
    desk, key = await emergency(tmp_path)
    await desk.fast_forward(hours=2, minutes=10)
    await desk.presses(BOB, "Reproduced", key)
    await desk.fast_forward(hours=2, seconds=1)
    assert await missed_at(desk, key) == ["1:00", "2:00", "3:10", "4:10"]
    lines = [text for text in desk.thread(key) if "We missed the hourly update" in text]
    assert ["in a row" in line for line in lines] == [False, True, False, True]
    assert "We have now missed 2 updates in a row." in lines[-1]
