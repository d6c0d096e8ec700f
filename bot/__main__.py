"""`frontline`: the roof, and the only file that sees all floors."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import structlog
from pydantic import SecretStr
from rich.console import Console as Terminal

from adapters import console
from adapters.slack.connect import Slack
from adapters.slack.offices import Sharing
from adapters.slack.renewal import App as SlackApp
from adapters.slack.web_api import SlackFault
from adapters.sql.fault import DatabaseFault
from adapters.sql.migrate import migrate, revision
from adapters.sql.store import DeskStore, connect
from adapters.sql.url import is_postgres, postgres_url
from adapters.teams.cloud import App
from adapters.teams.errors import TeamsFault
from adapters.web.server import Route, WebFault, WebServer
from bot import memory, ticker, upkeep
from bot.cli import commands, running
from bot.clock import LeapingClock, StageClock, WallClock, real_now
from bot.desk import moves
from bot.desk.core import Desk
from bot.desk.routes import dispatch
from bot.directory import Directory
from bot.doctor import Examination, Finding, Health, examined, of_database
from bot.environment import Environment, check_environment, read_environment
from bot.exchange import Dispatch
from bot.logs import configure_logs
from bot.metrics import exposition
from bot.ports import Away, ChatPlatform, Clock
from bot.runtime import Runtime
from bot.settings import DeskSettings, load_desk
from bot.sweeper import Crew
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
    running.register(
        subparsers,
        {
            "serve": lambda args: asyncio.run(_serve()),
            "console": lambda args: asyncio.run(_console(args.vendor)),
            "doctor": lambda args: asyncio.run(_doctor()),
            "migrate": lambda args: _migrate(),
            "teams-package": _teams_package,
        },
    )
    args = parser.parse_args(argv)
    try:
        code: int = args.run(args)
    except Faults as wrong:
        return _told(*map(str, wrong.faults))
    except (Away, DatabaseFault, SlackFault, TeamsFault, WebFault, demo.StageFault) as wrong:
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
        async with connect(read_environment().database_url, guest=True) as store:
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
    async with (
        connect(env.database_url) as store,
        _desk(env, settings, store) as (desk, connected, routes),
    ):
        runtime = Runtime(desk, store, store, store, drill_at=env.drill_at)
        store.on_change = runtime.rung

        async def ready() -> list[str]:
            return [*await runtime.troubles(), *(line for each in connected for line in each.troubles())]

        server = WebServer(env.host, env.port, routes, ready, exposition)
        await server.start()
        memory.settle()
        try:
            async with _crew(env.database_url) as runtime.crew, runtime.running(), upkeep.going_on(store):
                await stop.wait()
                log.info("stopping")
                await server.stop()
        finally:
            await server.stop()
    return DONE


async def _doctor() -> int:
    """Looks at everything; what cannot even be begun is told, and the rest is looked at all the same."""
    env = read_environment()
    settings = load_desk(env.frontline_config)
    check_environment(env, settings)
    configure_logs(quiet=True)
    async with connect(env.database_url, guest=True) as store:
        clock = await store.stage(None) or WallClock()
        known = await asyncio.to_thread(revision, env.database_url)
        database = partial(of_database, store, known or "none", real_now(), clock.now())
        examinations: list[tuple[str, Examination]] = [("database", database)]
        for platform in _connected(env, settings, clock, store):
            examinations.append((platform.name, partial(_of_platform, platform, settings)))
        return await examined(examinations, Terminal())


async def _of_platform(platform: _Connected, settings: DeskSettings) -> AsyncIterator[Finding]:
    try:
        await platform.start()
    except (SlackFault, TeamsFault) as fault:
        yield Finding(Health.FAULT, platform.name, str(fault))
        return
    try:
        async for finding in platform.examine(settings):
            yield finding
    finally:
        await platform.close()


@asynccontextmanager
async def _crew(url: str) -> AsyncIterator[Crew | None]:
    """With whom the work is shared: those on the same PostgreSQL. A file is nobody else's."""
    if not is_postgres(url):
        yield None
        return
    # Its library takes a while to load.
    from adapters.jobs import crew
    from adapters.sql.postgres_pool import conninfo

    async with crew.connect(conninfo(postgres_url(url))) as made:
        yield made


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
    env: Environment, settings: DeskSettings, store: DeskStore
) -> AsyncIterator[tuple[Desk, list[_Connected], list[Route]]]:
    """The desk, its platforms and what they listen to; they are closed at the end."""
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
        connected = _connected(env, settings, clock, store)
        for platform in connected:
            open_ones.push_async_callback(platform.close)
            await platform.start()
            desk.platforms[platform.name] = platform
            routes += platform.routes(dispatch(desk))
        await moves.recall(desk, store)
        for line in await desk.directory.refresh(desk.platforms):
            log.warning(line)
        yield desk, connected, routes


class _Connected(ChatPlatform, Protocol):
    """A platform that is reached over the network."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    def examine(self, settings: DeskSettings) -> AsyncIterator[Finding]: ...
    def troubles(self) -> list[str]: ...
    def routes(self, dispatch: Dispatch) -> list[Route]: ...


def _connected(env: Environment, settings: DeskSettings, clock: Clock, store: DeskStore) -> list[_Connected]:
    """The platforms that the desk's file names, not started yet."""
    makers: dict[str, Callable[[Environment, Clock, DeskStore], _Connected]]
    makers = {"slack": partial(_slack, settings), "teams": _teams}
    return [make(env, clock, store) for name, make in makers.items() if name in settings.chats]


def _slack(settings: DeskSettings, env: Environment, clock: Clock, store: DeskStore) -> _Connected:
    sharing = None
    if env.many_workspaces:
        triage = settings.chats["slack"].triage
        sharing = Sharing(
            SlackApp(env.slack_client_id or "", _secret(env.slack_client_secret)),
            _secret(env.frontline_secret_key),
            store,
            triage.id if triage else "",
        )
    return Slack(
        _secret(env.slack_bot_token),
        _secret(env.slack_signing_secret),
        clock,
        app_token=_secret(env.slack_app_token),
        sharing=sharing,
        api_url=env.slack_api_url,
        plain_dates=env.frontline_local_slack is not None,
        plain_zone=zone(env.frontline_local_slack or "UTC"),
        keeps_untouched=env.frontline_local_slack is not None,
    )


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""


def _teams(env: Environment, clock: Clock, store: DeskStore) -> _Connected:
    # Its SDK takes longer to load than most commands take to run.
    from adapters.teams.connect import Teams

    password = _secret(env.microsoft_app_password)
    app = App(env.microsoft_app_id or "", password, env.microsoft_app_tenant_id or "", env.microsoft_app_type)
    if env.frontline_teams_anonymous:
        log.warning("FRONTLINE_TEAMS_ANONYMOUS: whoever reaches this address is taken for Teams")
        app = App(app.id, "", "", anonymous=True)
    return Teams(app, clock, store, store.ticket_of, only_here=isinstance(clock, StageClock))


if __name__ == "__main__":
    sys.exit(main())
