"""`frontline`: the roof, and the only file that sees all floors."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import structlog
from rich.console import Console as Terminal

from adapters import console
from adapters.slack.connect import Slack
from adapters.slack.web_api import SlackFault
from adapters.sql.fault import DatabaseFault
from adapters.sql.migrate import migrate, revision
from adapters.sql.store import SqliteStore, connect
from adapters.teams.cloud import App
from adapters.teams.errors import TeamsFault
from adapters.web.server import Route, WebFault, WebServer
from bot import ticker
from bot.cli import commands
from bot.clock import LeapingClock, StageClock, WallClock
from bot.desk.core import Desk
from bot.desk.routes import dispatch
from bot.directory import Directory
from bot.environment import Environment, check_environment, read_environment
from bot.exchange import Dispatch
from bot.logs import configure_logs
from bot.ports import ChatPlatform, Clock
from bot.runtime import Runtime
from bot.settings import DeskSettings, load_desk
from demo import command as demo
from demo.stage import Cast
from sla_core.catalog.load import Faults
from sla_core.catalog.schema import zone
from sla_core.events import Event

log = structlog.get_logger("frontline")

DONE, FAULT = 0, 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; faults go to stderr, one line each."""
    parser = argparse.ArgumentParser(prog="frontline", description="A support desk with an honest SLA clock.")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    commands.register(subparsers, _histories)
    demo.register(subparsers)
    serve = subparsers.add_parser("serve", help="run the bot: HTTP server, SLA wake-ups, delivery")
    serve.set_defaults(run=lambda args: asyncio.run(_serve()))
    terminal = subparsers.add_parser(
        "console", help="the same desk in a terminal: type /support, answer, press buttons"
    )
    terminal.add_argument(
        "--vendor", default="m3ter", metavar="V", help="whose policy, without a desk's file"
    )
    terminal.set_defaults(run=lambda args: asyncio.run(_console(args.vendor)))
    upgrade = subparsers.add_parser("migrate", help="bring the database to this version")
    upgrade.set_defaults(run=lambda args: _migrate())
    package = subparsers.add_parser("teams-package", help="write the Teams app package (zip)")
    package.add_argument("--website", required=True, metavar="URL", help="your own page, shown in Teams")
    package.add_argument("--developer", default="Frontline", metavar="NAME", help="who is named as its maker")
    package.add_argument("--version", default="1.0.0", metavar="V", help="each upload needs a higher one")
    package.add_argument("--out", type=Path, default=Path("frontline-teams.zip"), metavar="FILE")
    package.set_defaults(run=_teams_package)
    args = parser.parse_args(argv)
    try:
        code: int = args.run(args)
    except Faults as wrong:
        return _told(*map(str, wrong.faults))
    except (DatabaseFault, SlackFault, TeamsFault, WebFault, demo.StageFault) as wrong:
        return _told(str(wrong))
    except KeyboardInterrupt:
        return DONE
    return code


def _told(*faults: str) -> int:
    for fault in faults:
        print(" ".join(fault.split()), file=sys.stderr)
    return FAULT


def _teams_package(args: argparse.Namespace) -> int:
    from adapters.teams.manifest import build_package

    app_id = read_environment().microsoft_app_id
    if app_id is None:
        return _told(
            "environment: MICROSOFT_APP_ID: is not set; copy it from the app's registration in Entra"
        )
    try:
        packed = build_package(app_id, args.version, website=args.website, developer=args.developer)
        args.out.write_bytes(packed)
    except (ValueError, OSError) as wrong:
        return _told(f"teams-package: {wrong}")
    print(f"{args.out} is written; upload it in Teams (Apps, Manage your apps) or in its admin center.")
    return DONE


def _migrate() -> int:
    url = read_environment().database_url
    before = revision(url)
    migrate(url)
    after = revision(url)
    if before is None:
        print(f"The database was made, at revision {after}.")
    elif before == after:
        print(f"The database is at revision {after} already.")
    else:
        print(f"The database was brought from revision {before} to {after}.")
    return DONE


def _histories(account: str) -> list[tuple[str, tuple[Event, ...]]]:
    """The account's stored tickets, for `simulate`."""

    async def read() -> list[tuple[str, tuple[Event, ...]]]:
        async with connect(read_environment().database_url) as store:
            return [(key, await store.load(key)) for key in await store.tickets(account)]

    return asyncio.run(read())


async def _serve() -> int:
    env = read_environment()
    settings = load_desk(env.frontline_config)
    check_environment(env, settings)
    configure_logs()
    for warning in settings.warnings:
        log.warning(warning)
    stop = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, stop.set)
    async with connect(env.database_url) as store, _desk(env, settings, store) as (desk, routes):
        runtime = Runtime(desk, store, store)
        store.on_change = runtime.rung

        async def ready() -> Sequence[str]:
            await store.next_wake()
            return runtime.troubles()

        server = WebServer(env.host, env.port, routes, ready)
        await server.start()
        try:
            async with runtime.running():
                await stop.wait()
                log.info("stopping")
                await server.stop()
        finally:
            await server.stop()
    return DONE


async def _console(vendor: str) -> int:
    """A desk of its own in memory, on a clock that leaps when it is told to wait."""
    settings = await asyncio.to_thread(_settings_for_console, vendor)
    configure_logs(quiet=True)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    screen = console.Screen(Terminal(), console.Cast(settings))
    chats: dict[str, ChatPlatform] = {name: console.Console(name, screen) for name in settings.chats}
    clock = LeapingClock()
    async with connect("sqlite://") as store:
        desk = Desk(store, clock, Directory(settings), chats, store)
        await desk.directory.refresh(chats)
        runtime = Runtime(desk, store)
        store.on_change = runtime.rung

        async def wait(length: timedelta) -> None:
            """From wake-up to wake-up, each delivered before the next, as the real loops do."""
            until = clock.now() + length
            while (wake := await store.next_wake()) is not None and wake <= until:
                clock.leap(wake)
                await ticker.tick(desk)
                await settled()
            clock.leap(until)

        settled = console.delivered(store, WallClock())
        async with runtime.running():
            return await console.run(
                screen,
                dispatch(desk),
                clock,
                console.typed(sys.stdin.fileno()),
                settle=settled,
                wait=wait,
                echo=not sys.stdin.isatty(),
            )


def _settings_for_console(vendor: str) -> DeskSettings:
    """The desk's own file where there is one, else a sample desk of the vendor."""
    path = read_environment().frontline_config
    if path.is_file():
        return load_desk(path)
    with TemporaryDirectory(prefix="frontline-") as folder:
        sample = Path(folder) / "frontline.toml"
        sample.write_text(Cast.of(vendor).desk_file(vendor), encoding="utf-8")
        return load_desk(sample)


@asynccontextmanager
async def _desk(
    env: Environment, settings: DeskSettings, store: SqliteStore
) -> AsyncIterator[tuple[Desk, list[Route]]]:
    """The desk on its platforms, with what they listen to; they are closed at the end."""
    stage = await store.stage(env.stage_clock)
    if stage is not None and not env.on_this_machine:
        raise DatabaseFault(
            "DATABASE_URL: this database lives on a stage clock, which needs a SLACK_API_URL on this machine;"
            " set another database"
        )
    clock = stage or WallClock()
    desk = Desk(store, clock, Directory(settings), notebook=store)
    routes: list[Route] = []
    async with AsyncExitStack() as open_ones:
        for name, make in (("slack", _slack), ("teams", _teams)):
            if name in settings.chats:
                platform = make(env, clock, store)
                open_ones.push_async_callback(platform.close)
                await platform.start()
                desk.platforms[name] = platform
                routes += platform.routes(dispatch(desk))
        for line in await desk.directory.refresh(desk.platforms):
            log.warning(line)
        yield desk, routes


class _Connected(ChatPlatform, Protocol):
    """A platform that is reached over the network."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    def routes(self, dispatch: Dispatch) -> list[Route]: ...


def _slack(env: Environment, clock: Clock, store: SqliteStore) -> _Connected:
    assert env.slack_bot_token is not None
    assert env.slack_signing_secret is not None
    return Slack(
        env.slack_bot_token.get_secret_value(),
        env.slack_signing_secret.get_secret_value(),
        clock,
        api_url=env.slack_api_url,
        plain_dates=env.frontline_local_slack is not None,
        plain_zone=zone(env.frontline_local_slack or "UTC"),
        keeps_untouched=env.frontline_local_slack is not None,
    )


def _teams(env: Environment, clock: Clock, store: SqliteStore) -> _Connected:
    # Its SDK takes longer to load than most commands take to run.
    from adapters.teams.connect import Teams

    password = env.microsoft_app_password.get_secret_value() if env.microsoft_app_password else ""
    app = App(env.microsoft_app_id or "", password, env.microsoft_app_tenant_id or "", env.microsoft_app_type)
    if env.frontline_teams_anonymous:
        log.warning("FRONTLINE_TEAMS_ANONYMOUS: whoever reaches this address is taken for Teams")
        app = App(app.id, "", "", anonymous=True)
    return Teams(app, clock, store, store.ticket_of, only_here=isinstance(clock, StageClock))


if __name__ == "__main__":
    sys.exit(main())
