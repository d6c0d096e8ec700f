"""`frontline`: the composition root, the only file that imports from all floors.

Each command imports what it needs when it runs, so that other commands start quickly.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bot.cli import commands, token
from bot.cli.app import DONE, build, new_app, print_faults, run
from bot.cli.policy import commands as policy
from bot.cli.reports import commands as reports
from bot.faults import OperatorFault

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import SecretStr
    from typer.core import TyperGroup

    from adapters.sql.store import SqlStore
    from adapters.web.server import Route
    from bot.config.environment import Environment
    from bot.config.settings import DeskSettings
    from bot.desk.desk import Desk
    from bot.model.inbound import Dispatch
    from bot.ports import ChatPlatform, Clock
    from bot.runtime.doctor import Check, Finding
    from bot.runtime.lane_dispatcher import WorkerPool
    from sla_core.events import Event

    class _Connected(ChatPlatform, Protocol):
        """A platform that is connected over the network."""

        async def start(self) -> None: ...
        async def close(self) -> None: ...
        async def learn(self) -> None: ...
        def examine(self, settings: DeskSettings) -> AsyncIterator[Finding]: ...
        def readiness_faults(self) -> list[str]: ...
        def routes(self, dispatch: Dispatch) -> list[Route]: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    return run(command_line(), sys.argv[1:] if argv is None else argv)


@cache
def command_line() -> TyperGroup:
    """The command line with all its commands. Tests run hundreds in one process, so it is built once."""
    app = new_app()
    commands.add_try_out(app, run_demo=_demo, run_console=_console)
    policy.add_commands(app, _stored_tickets, _read_feeds)
    reports.add_commands(app, _archive)
    commands.add_operate(
        app,
        run_init=_init,
        run_serve=_serve,
        run_doctor=_doctor,
        run_migrate=_migrate,
        write_teams_package=_teams_package,
    )
    token.add_commands(app, _token_store)
    return build(app)


@asynccontextmanager
async def _token_store(create: bool) -> AsyncIterator[SqlStore | None]:
    """The store beside a process that may serve it; None if there is none, unless it may `create` it."""
    import asyncio

    from adapters.sql.migrate import revision
    from adapters.sql.store import connect
    from bot.config.environment import read_environment

    url = read_environment().database_url
    known = await asyncio.to_thread(revision, url)
    if known is None and not create:
        yield None
        return
    async with connect(url, secondary=known is not None) as store:
        yield store


def _demo(which: commands.DemoOptions) -> int:
    try:
        from demo import command
    except ModuleNotFoundError as missing:
        if missing.name not in ("demo", "demo.command"):
            raise
        return print_faults(
            "demo: is not in the installed package; run `make demo` in a source checkout of Frontline"
        )
    return command.run(which, _console)


async def _console(vendor: str, begins: datetime | None = None) -> int:
    """Runs a desk whose clock skips ahead on command. With `begins`: from then, on a temporary database."""
    import asyncio

    from rich.console import Console as Terminal

    from adapters import console
    from adapters.sql.store import connect
    from bot.cli.try_out import console_database, desk_settings, fast_forward, remembered_time
    from bot.clock import ManualClock, WallClock
    from bot.config.directory import Directory
    from bot.desk.desk import Desk
    from bot.desk.routes import dispatch
    from bot.runtime.runtime import Runtime
    from bot.telemetry import configure_logs

    settings = await asyncio.to_thread(desk_settings, vendor)
    if settings.feeds:
        print_faults(*await asyncio.to_thread(_read_feeds, settings))
    configure_logs(quiet=True)
    screen = console.Screen(Terminal(), console.Personas(settings))
    chats: dict[str, ChatPlatform] = {name: console.Console(name, screen) for name in settings.chats}
    clock = ManualClock()
    if begins is not None:
        clock.advance_to(begins)
    async with connect(console_database() if begins is None else "sqlite://") as store:
        desk = Desk(store, clock, Directory(settings), chats, store)
        await desk.directory.refresh(chats)
        runtime = Runtime(desk, store)
        store.on_change = runtime.store_changed
        settled = console.until_delivered(store, WallClock())
        async with remembered_time(store, clock), runtime.running():
            return await console.run(
                screen,
                dispatch(desk),
                clock,
                console.read_lines(sys.stdin.fileno()),
                settle=settled,
                wait=fast_forward(desk, clock, settled),
                echo=not sys.stdin.isatty(),
            )


@asynccontextmanager
async def _archive() -> AsyncIterator[SqlStore]:
    """The store of a command that only reads. Raises DatabaseFault if there is none."""
    from adapters.sql.store import connect
    from bot.config.environment import read_environment

    async with connect(read_environment().database_url, secondary=True) as store:
        yield store


def _stored_tickets(account: str) -> list[tuple[str, tuple[Event, ...]]]:
    import asyncio

    async def read() -> list[tuple[str, tuple[Event, ...]]]:
        async with _archive() as store:
            return [(key, await store.load(key)) for key in await store.tickets(account)]

    return asyncio.run(read())


def _read_feeds(settings: DeskSettings) -> list[str]:
    import asyncio

    from adapters.sql.migrate import revision
    from adapters.sql.store import connect
    from adapters.web.client import fetch_text
    from bot.config.environment import read_environment
    from bot.runtime.oncall_feeds import TOPIC, read_feeds

    async def last_good(role: str) -> str | None:
        url = read_environment().database_url
        known = await asyncio.to_thread(revision, url)
        async with connect(url if known else "sqlite://", secondary=True) as store:
            return await store.get(TOPIC, role)

    return asyncio.run(read_feeds(settings.feeds, fetch_text, last_good))


def _init(answers: Path | None, force: bool) -> int:
    import asyncio

    from adapters.slack.setup import slack_setup
    from bot.cli.setup import init
    from bot.config.environment import read_environment

    slack = slack_setup(read_environment().slack_api_url)
    return init.run(answers, force, slack, lambda: asyncio.run(_doctor(page=None)))


async def _serve() -> int:
    import asyncio

    import structlog

    from adapters.otel import exported
    from adapters.sql.store import connect
    from adapters.web.client import fetch_text
    from adapters.web.desk_page import DeskWebPage
    from adapters.web.server import WebServer
    from bot.cli.operate import stop_signal
    from bot.cli.reload import Reload
    from bot.clock import WallClock
    from bot.config.environment import read_desk
    from bot.logs import LogSink
    from bot.runtime.oncall_feeds import FeedRefresh
    from bot.runtime.runtime import Runtime, freeze_loaded_objects
    from bot.telemetry import LoopFaults, configure_logs, exposition

    env, settings = read_desk()
    sink = LogSink(sys.stderr.fileno())
    configure_logs(sink=sink)
    asyncio.get_running_loop().set_exception_handler(LoopFaults())
    log = structlog.get_logger("frontline")
    for warning in settings.warnings:
        log.warning(warning)
    stop = stop_signal()
    async with AsyncExitStack() as open_ones:
        open_ones.callback(sink.close)
        store = await open_ones.enter_async_context(connect(env.database_url))
        feeds = FeedRefresh(settings.feeds, fetch_text, store, WallClock())
        await feeds.learn()
        desk, connected, routes = await open_ones.enter_async_context(_desk(env, settings, store))
        learn = [*(each.learn for each in connected), feeds.learn]
        runtime = Runtime(
            *(desk, store, store, store),
            pager_test_at=env.pager_test_at,
            expiring_store=store,
            learn=learn,
            parts=[sink.faults, *(each.readiness_faults for each in connected)],
        )
        store.on_change, store.engine.on_write_fault = runtime.store_changed, runtime.write_failed
        ready, shared = runtime.readiness_faults, env.metrics_port is None
        routes += DeskWebPage(desk, ready).routes()
        server = WebServer(env.host, env.port, routes, ready, exposition, for_operators=shared)
        await open_ones.enter_async_context(exported())
        # Before it listens: without a handler, the signal would end the process.
        await open_ones.enter_async_context(Reload(desk, env).on_signal())
        await server.start()
        if env.metrics_port is not None:
            own = WebServer(env.host, env.metrics_port, (), ready, exposition)
            open_ones.push_async_callback(own.stop)
            await own.start()
        freeze_loaded_objects()
        try:
            async with _worker_pool(env.database_url) as runtime.worker_pool, runtime.running():
                await stop.wait()
                log.info("stopping")
                await server.stop()
        finally:
            await server.stop()
    return DONE


async def _doctor(page: str | None) -> int:
    """Runs all checks, or pages one person. A platform that cannot be reached is one of the findings."""
    from rich.console import Console as Terminal

    from adapters.sql.doctor import examined
    from bot.clock import real_now
    from bot.config.directory import Directory
    from bot.config.environment import read_desk
    from bot.runtime.doctor import check_database, check_index, run_checks, without_database
    from bot.telemetry import configure_logs

    env, settings = read_desk()
    configure_logs(quiet=True)
    async with examined(env.database_url) as found:
        store, clock, known = found.store, found.clock, found.revision
        if page is not None:
            return await _page(page, settings, _connected(env, settings, clock, store))
        if known:
            database = partial(check_database, store, known, real_now(), clock.now())
        else:
            database = partial(without_database, found.fault)
        checks: list[tuple[str, Check]] = [("database", database)]
        if known:
            rows = partial(check_index, store, Directory(settings), clock.now())
            checks.append(("index", rows))
        for platform in _connected(env, settings, clock, store):
            checks.append((platform.name, partial(_of_platform, platform, platform.examine(settings))))
        return await run_checks(checks, Terminal())


async def _of_platform(platform: _Connected, findings: AsyncIterator[Finding]) -> AsyncIterator[Finding]:
    """What is found once the platform is connected."""
    from bot.runtime.doctor import Finding, Health

    try:
        await platform.start()
    except OperatorFault as fault:
        yield Finding(Health.FAULT, platform.name, str(fault))
        return
    try:
        async for finding in findings:
            yield finding
    finally:
        await platform.close()


async def _page(id_: str, settings: DeskSettings, connected: Sequence[_Connected]) -> int:
    from rich.console import Console as Terminal

    from bot.runtime.doctor import page_by, run_checks, ways_to
    from sla_core.catalog.crosscheck import unknown

    person = settings.people.get(id_)
    if person is None:
        return print_faults(f"--page: {unknown('person', id_, settings.people)}")
    ways = list(ways_to(settings, person))
    if not ways:
        return print_faults(
            f"people.{id_}: there is no way to page {person.name}; add an id on a chat platform of this desk,"
            " or an address to page"
        )
    checks: list[tuple[str, Check]] = []
    for platform in connected:
        if own := [way for way in ways if way.to.platform == platform.name]:
            findings = page_by(platform, own, person)
            checks.append((platform.name, partial(_of_platform, platform, findings)))
    return await run_checks(checks, Terminal())


def _migrate(progress: bool) -> int:
    import asyncio

    from adapters.sql.migrate import migrate, revision
    from bot.cli.operate import report_migration
    from bot.config.environment import read_environment
    from bot.config.settings import load_desk

    env = read_environment()
    settings = load_desk(env.frontline_config) if progress else None
    done = report_migration(env.database_url, revision, migrate)
    return done if settings is None else asyncio.run(_rebuild(settings))


async def _rebuild(settings: DeskSettings) -> int:
    from rich.console import Console as Terminal

    from bot.cli.operate import rebuild_index
    from bot.clock import WallClock
    from bot.config.directory import Directory

    async with _archive() as store:
        clock = await store.simulated_clock(None) or WallClock()
        return await rebuild_index(store, Directory(settings), clock, Terminal(stderr=True))


def _teams_package(says: commands.TeamsPackage, out: Path) -> int:
    from adapters.teams.manifest import build_package
    from bot.cli.operate import write_teams_package

    return write_teams_package(
        out,
        lambda app_id: build_package(app_id, says.version, website=says.website, developer=says.developer),
    )


@asynccontextmanager
async def _desk(
    env: Environment, settings: DeskSettings, store: SqlStore
) -> AsyncIterator[tuple[Desk, list[_Connected], list[Route]]]:
    """The desk, its started platforms and their web routes. Closes the platforms on exit."""
    from importlib.util import find_spec

    import structlog

    from adapters.sql.engines.engine import DatabaseFault
    from adapters.web.api import ApiAccess, api_routes
    from adapters.web.hooks import hook_routes
    from adapters.web.mcp_route import McpRoute
    from bot.clock import SteadyClock
    from bot.config.directory import Directory
    from bot.desk import channels
    from bot.desk.desk import Desk
    from bot.desk.routes import dispatch

    simulated = await store.simulated_clock(env.simulated_clock)
    if simulated is not None and not env.slack_is_local:
        raise DatabaseFault(
            "DATABASE_URL: this database runs on a simulated clock, which needs a SLACK_API_URL on this "
            "machine; set another database"
        )
    clock = simulated or SteadyClock()
    desk = Desk(store, clock, Directory(settings), key_values=store)
    routes: list[Route] = []
    async with AsyncExitStack() as open_ones:
        connected = _connected(env, settings, clock, store)
        for platform in connected:
            open_ones.push_async_callback(platform.close)
            await platform.start()
            desk.platforms[platform.name] = platform
            routes += platform.routes(dispatch(desk))
        access = ApiAccess(store)
        routes += [*hook_routes(settings, dispatch(desk), clock), *api_routes(desk, store, access)]
        if find_spec("mcp") is not None:
            mcp = await open_ones.enter_async_context(McpRoute(desk, store, access))
            routes += mcp.routes()
        await channels.load_renames(desk, store)
        for line in await desk.directory.refresh(desk.platforms):
            structlog.get_logger("frontline").warning(line)
        yield desk, connected, routes


@asynccontextmanager
async def _worker_pool(url: str) -> AsyncIterator[WorkerPool | None]:
    """The workers of all replicas on the same PostgreSQL database; None for SQLite."""
    from adapters.sql.engines.engine import is_postgres, postgres_url

    if not is_postgres(url):
        yield None
        return
    from adapters import worker_pool
    from adapters.sql.engines.postgres import conninfo

    async with worker_pool.connect(conninfo(postgres_url(url))) as made:
        yield made


def _connected(env: Environment, settings: DeskSettings, clock: Clock, store: SqlStore) -> list[_Connected]:
    """The platforms that the desk's file names, not yet started."""
    makers: dict[str, Callable[[Environment, Clock, SqlStore], _Connected]]
    makers = {"slack": partial(_slack, settings), "teams": _teams}
    chats = [make(env, clock, store) for name, make in makers.items() if name in settings.chats]
    return [*chats, *_one_way(settings, store)]


def _one_way(settings: DeskSettings, store: SqlStore) -> Iterator[_Connected]:
    """Phones, pagers and webhooks, those that the desk's file names."""
    from adapters.pager.webhooks import one_way
    from adapters.web.hooks import standard_webhook

    yield from one_way(settings, store, lambda secret: standard_webhook(secret).sign)


def _slack(settings: DeskSettings, env: Environment, clock: Clock, store: SqlStore) -> _Connected:
    from adapters.slack.adapter import Slack
    from adapters.slack.workspaces.oauth import OAuthSettings
    from adapters.slack.workspaces.token_rotation import AppCredentials
    from sla_core.catalog.schema import zone

    oauth_settings = None
    if env.many_workspaces:
        triage = settings.chats["slack"].triage
        oauth_settings = OAuthSettings(
            AppCredentials(env.slack_client_id or "", _secret(env.slack_client_secret)),
            _secret(env.frontline_secret_key),
            store,
            triage.id if triage else "",
        )
    return Slack(
        _secret(env.slack_bot_token),
        _secret(env.slack_signing_secret),
        clock,
        app_token=_secret(env.slack_app_token),
        oauth_settings=oauth_settings,
        api_url=env.slack_api_url,
        plain_dates=env.frontline_local_slack is not None,
        plain_zone=zone(env.frontline_local_slack or "UTC"),
        omits_unchanged=env.frontline_local_slack is not None,
        key_values=store,
    )


def _teams(env: Environment, clock: Clock, store: SqlStore) -> _Connected:
    import structlog

    from adapters.teams.adapter import Teams
    from adapters.teams.auth import BotRegistration
    from bot.clock import SimulatedClock

    password = _secret(env.microsoft_app_password)
    app = BotRegistration(
        env.microsoft_app_id or "", password, env.microsoft_app_tenant_id or "", env.microsoft_app_type
    )
    if env.frontline_teams_anonymous:
        structlog.get_logger("frontline").warning(
            "FRONTLINE_TEAMS_ANONYMOUS: anybody who can reach this address can act as Teams"
        )
        app = BotRegistration(app.id, "", "", anonymous=True)
    return Teams(app, clock, store, store.ticket_of, loopback_only=isinstance(clock, SimulatedClock))


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""


if __name__ == "__main__":
    sys.exit(main())
