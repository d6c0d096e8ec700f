from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console as Terminal

from adapters.console import Console, Personas, Screen, run
from adapters.console.rendering import render
from bot.clock import WakeSignal
from bot.config.directory import Directory
from bot.config.settings import load_desk
from bot.desk.desk import Desk
from bot.desk.routes import dispatch
from bot.model.inbound import Dispatch
from bot.model.views import View
from bot.runtime.delivery import Delivery
from bot.runtime.scheduler import wake_due_tickets
from tests.harness import DESK_FILE, HeldClock
from tests.memory_store import MemoryStore

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY_AFTERNOON = "2026-03-20T15:30:00Z"


def terminal(width: int = 100) -> Terminal:
    return Terminal(file=io.StringIO(), width=width, color_system=None, force_terminal=False)


def shown(out: Terminal) -> str:
    assert isinstance(out.file, io.StringIO)
    return "\n".join(line.rstrip() for line in out.file.getvalue().split("\n"))


def render_plain(view: View, width: int = 100, numbered: bool = True) -> str:
    """The view as a terminal without colours shows it; `numbered` numbers its buttons."""
    out = terminal(width)
    out.print(render(view, BERLIN, numbered))
    return shown(out)


async def lines(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


@dataclass
class Session:
    """A whole desk, the terminal that it talks to, and a clock that only the test moves."""

    desk: Desk
    store: MemoryStore
    clock: HeldClock
    screen: Screen
    dispatch: Dispatch
    may_wait: bool = True

    async def types(self, *texts: str) -> str:
        """Type these lines in a new terminal on the same desk. Returns what the terminal shows."""
        before = len(shown(self.screen.out))
        wait = self.wait if self.may_wait else None
        script = lines(*texts)
        code = await run(self.screen, self.dispatch, self.clock, script, self.settle, wait, echo=True)
        assert code == 0
        return shown(self.screen.out)[before:]

    async def settle(self) -> None:
        delivery = Delivery(self.desk, self.store, self.clock, WakeSignal())
        while await delivery.deliver():
            pass

    async def wait(self, length: timedelta) -> None:
        until = self.clock.now() + length
        while (wake := await self.desk.store.next_wake()) is not None and wake <= until:
            self.clock.at = max(self.clock.at, wake)
            await wake_due_tickets(self.desk)
            await self.settle()
        self.clock.at = until


OpenSession = Callable[..., Awaitable[Session]]


@pytest.fixture
def session(tmp_path: Path) -> OpenSession:
    async def opened(at: str = FRIDAY_AFTERNOON, desk_file: str = DESK_FILE) -> Session:
        path = tmp_path / "frontline.toml"
        path.write_text(desk_file, encoding="utf-8")
        settings = load_desk(path)
        screen = Screen(terminal(), Personas(settings), BERLIN)
        clock, store = HeldClock(at), MemoryStore()
        desk = Desk(store, clock, Directory(settings), {n: Console(n, screen) for n in settings.chats})
        await desk.directory.refresh(desk.platforms)
        return Session(desk, store, clock, screen, dispatch(desk))

    return opened
