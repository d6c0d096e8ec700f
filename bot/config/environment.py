"""Settings from the environment and `.env`: addresses, secrets, the clock. Reports every fault at once."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import time
from pathlib import Path

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.clock import SimulatedClock
from bot.config.alarms import secret_fault
from bot.config.pagers import WEBHOOK, value_fault
from bot.config.settings import DeskSettings, load_desk
from bot.config.web import host_of, is_loopback, webhook_variables
from sla_core.catalog.load import Fault, Faults
from sla_core.catalog.schema import zone

SLACK_API = "https://slack.com/api/"


class Environment(BaseSettings):
    """The environment variables of the public contract. Empty ones count as unset."""

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True, extra="ignore")

    frontline_config: Path = Path("frontline.toml")
    database_url: str = "sqlite:///frontline.db"
    host: str = "127.0.0.1"
    port: int = 3000
    metrics_port: int | None = None
    """If set, /readyz and /metrics are served at this port only, which strangers need not reach."""
    slack_bot_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    """If set, Slack's requests come over a socket, and no public address is needed."""
    slack_client_id: str | None = None
    slack_client_secret: SecretStr | None = None
    """If set, any workspace may install the app at /slack/install."""
    frontline_secret_key: SecretStr | None = None
    """Encryption keys for stored tokens, separated by commas. The first encrypts; all decrypt."""
    slack_api_url: str = SLACK_API
    microsoft_app_id: str | None = None
    microsoft_app_password: SecretStr | None = None
    microsoft_app_tenant_id: str | None = None
    microsoft_app_type: str = "SingleTenant"
    frontline_teams_anonymous: str | None = None
    """`1` accepts unauthenticated requests as coming from Teams, for a local playground."""
    frontline_clock: str | None = None
    frontline_drill: str | None = None
    """The time of day in UTC, such as 09:00, at which to test the pager."""
    frontline_local_slack: str | None = None
    """A time zone such as Europe/Berlin, for a local Slack client at SLACK_API_URL. That cannot show date
    tokens, so dates are written out in this zone, and omits unchanged fields from submissions."""

    @property
    def many_workspaces(self) -> bool:
        """Whether workspaces install the app themselves."""
        return self.slack_client_id is not None or self.slack_client_secret is not None

    @property
    def simulated_clock(self) -> SimulatedClock | None:
        return SimulatedClock.parse(self.frontline_clock) if self.frontline_clock else None

    @property
    def pager_test_at(self) -> time | None:
        return time_of_day(self.frontline_drill) if self.frontline_drill else None

    @property
    def slack_is_local(self) -> bool:
        """Whether SLACK_API_URL is on this machine."""
        return is_loopback(host_of(self.slack_api_url))


def desk_file() -> Path:
    """Where the desk's file is, by the environment variable alone: `.env` is beside that file."""
    return Path(os.environ.get("FRONTLINE_CONFIG") or "frontline.toml")


def dotenv_file() -> Path:
    return desk_file().parent / ".env"


def read_environment() -> Environment:
    """Reads the environment, and what it does not set from `.env`. Raises Faults."""
    try:
        with _dotenv_faults() as path:
            return Environment(_env_file=path, frontline_config=desk_file())
    except ValidationError as wrong:
        raise Faults(
            [Fault("environment", str(e["loc"][0]).upper(), e["msg"]) for e in wrong.errors()]
        ) from None


@contextmanager
def _dotenv_faults() -> Iterator[Path]:
    """Yields where `.env` is. If it cannot be read, raises Faults in place of the error."""
    path = dotenv_file()
    try:
        yield path
    except OSError as wrong:
        fix = "let the desk's user read it, or delete it and set the variables yourself"
        raise Faults([Fault(str(path), "", f"cannot be read: {wrong.strerror}; {fix}")]) from None
    except UnicodeDecodeError:
        raise Faults([Fault(str(path), "", "is not UTF-8 text; write it again")]) from None


def read_desk() -> tuple[Environment, DeskSettings]:
    """Reads the environment and the desk's file, and checks them together. Raises Faults."""
    env = read_environment()
    settings = load_desk(env.frontline_config)
    check_environment(env, settings)
    return env, settings


def check_environment(env: Environment, desk: DeskSettings) -> None:
    """Checks that the environment has what the desk's file needs. Raises Faults."""
    faults = [Fault("environment", key, says) for key, says in _faults(env, desk)]
    if faults:
        raise Faults(faults)


def _faults(env: Environment, desk: DeskSettings) -> Iterator[tuple[str, str]]:
    if "slack" in desk.chats:
        yield from _slack_faults(env)
    if "teams" in desk.chats:
        yield from _teams_faults(env)
    for name, port in (("PORT", env.port), ("METRICS_PORT", env.metrics_port)):
        if port is not None and not 0 <= port <= 65535:
            yield name, f"{port} is not a port; use 1 to 65535"
    if env.metrics_port and env.metrics_port == env.port:
        yield "METRICS_PORT", "is the same as PORT; use another one, or unset it"
    if not host_of(env.slack_api_url):
        yield "SLACK_API_URL", f'"{env.slack_api_url}" is not a web address; unset it, or write {SLACK_API}'
    if env.frontline_local_slack:
        if not env.slack_is_local:
            yield "FRONTLINE_LOCAL_SLACK", "needs a SLACK_API_URL on this machine"
        try:
            zone(env.frontline_local_slack)
        except ValueError as wrong:
            yield "FRONTLINE_LOCAL_SLACK", str(wrong)
    yield from variable_faults((f"alerts.{alert.name}.secret", alert.secret) for alert in desk.alerts)
    for name in dict.fromkeys(alert.secret for alert in desk.alerts):
        if unusable := secret_fault(variable(name)):
            yield name.removeprefix("$"), unusable
    yield from _outgoing_faults(desk)
    try:
        time_of_day(env.frontline_drill or "00:00")
    except ValueError as wrong:
        yield "FRONTLINE_DRILL", str(wrong)
    if env.frontline_clock is None:
        return
    if not env.slack_is_local:
        yield (
            "FRONTLINE_CLOCK",
            "needs a SLACK_API_URL on this machine (a local Slack); unset one of the two",
        )
    try:
        SimulatedClock.parse(env.frontline_clock)
    except ValueError as wrong:
        yield "FRONTLINE_CLOCK", str(wrong)


def variable(name: str) -> str:
    """The value of a variable that the desk's file names, as in `$ALERTS_SECRET`; empty if it is not set.

    The environment wins over `.env`. Raises Faults if that cannot be read.
    """
    name = name.removeprefix("$")
    if value := os.environ.get(name, "").strip():
        return value
    with _dotenv_faults() as path:
        return (dotenv_values(path).get(name) or "").strip()


def variable_faults(named: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The variables that are not set, each with why it has to be. `named`: keys of the file, their values."""
    wheres: dict[str, list[str]] = {}
    for where, name in named:
        wheres.setdefault(name, []).append(where)
    for name, keys in wheres.items():
        if not variable(name):
            names = "names it" if len(keys) == 1 else "name it"
            yield name.removeprefix("$"), f"is not set; {' and '.join(keys)} in frontline.toml {names}"


def value_of(text: str) -> str:
    """A value of the desk's file: that of the variable that it names, or itself. Empty: it is not set."""
    return variable(text) if text.startswith("$") else text


def _outgoing_faults(desk: DeskSettings) -> Iterator[tuple[str, str]]:
    """Variables that `page` addresses, pagers and webhooks name: those that are not set, and wrong values."""
    named = [
        (f"people.{person.id}.page ({number})", address)
        for person in desk.people.values()
        for number, address in enumerate(person.page, start=1)
    ]
    for pager in desk.pagers.values():
        for key, value in pager.values.items():
            named.append((f"pagers.{pager.name}.{key}", value))
            known = variable(value) if value.startswith("$") else ""
            if known and (says := value_fault(pager.kind, key, known)):
                yield value.removeprefix("$"), f"{says}; pagers.{pager.name}.{key} in frontline.toml names it"
    for where, key, value in webhook_variables(desk.webhooks):
        named.append((where, value))
        if (known := variable(value)) and (says := value_fault(WEBHOOK, key, known)):
            yield value.removeprefix("$"), f"{says}; {where} in frontline.toml names it"
    yield from variable_faults((where, value) for where, value in named if value.startswith("$"))


def _slack_faults(env: Environment) -> Iterator[tuple[str, str]]:
    if env.many_workspaces:
        if env.slack_bot_token is not None:
            yield (
                "SLACK_BOT_TOKEN",
                "is for one workspace, SLACK_CLIENT_ID and SLACK_CLIENT_SECRET for many; unset it, or both "
                "of those",
            )
        for key, value in (
            ("SLACK_CLIENT_ID", env.slack_client_id),
            ("SLACK_CLIENT_SECRET", env.slack_client_secret),
        ):
            if value is None:
                yield key, "is not set; copy it from your Slack app, Basic Information, App Credentials"
        if env.frontline_secret_key is None:
            yield (
                "FRONTLINE_SECRET_KEY",
                "is not set, and the tokens of workspaces are stored encrypted; make one with "
                "`openssl rand -base64 32`",
            )
    elif env.slack_bot_token is None:
        yield "SLACK_BOT_TOKEN", "is not set; copy the Bot User OAuth Token (xoxb-…) of your Slack app"
    if env.frontline_secret_key is not None:
        keys = [key.strip() for key in env.frontline_secret_key.get_secret_value().split(",")]
        if not all(map(_is_key, keys)):
            yield (
                "FRONTLINE_SECRET_KEY",
                "has a part that is not a key of 32 bytes in base64; make one with "
                "`openssl rand -base64 32`, and put commas between several",
            )
    if env.slack_app_token is not None:
        if not env.slack_app_token.get_secret_value().startswith("xapp-"):
            yield (
                "SLACK_APP_TOKEN",
                "is not an app-level token (xapp-…); make one with the scope connections:write in your Slack "
                "app, Basic Information, or unset it to be reached over HTTP",
            )
    elif env.slack_signing_secret is None:
        yield "SLACK_SIGNING_SECRET", "is not set; copy it from your Slack app, Basic Information"


def _is_key(text: str) -> bool:
    try:
        return len(b64decode(text.replace("-", "+").replace("_", "/"), validate=True)) == 32
    except ValueError:
        return False


def _teams_faults(env: Environment) -> Iterator[tuple[str, str]]:
    if env.frontline_teams_anonymous is not None:
        if env.frontline_teams_anonymous != "1":
            yield "FRONTLINE_TEAMS_ANONYMOUS", "is neither 1 nor unset"
        if not is_loopback(env.host):
            yield (
                "FRONTLINE_TEAMS_ANONYMOUS",
                f'needs a HOST on this machine, not "{env.host}": anybody there could act as anybody else;'
                " unset one of the two",
            )
        return
    where = "of your app's registration in Entra"
    for key, value, which in (
        ("MICROSOFT_APP_ID", env.microsoft_app_id, f"the Application (client) ID {where}"),
        ("MICROSOFT_APP_PASSWORD", env.microsoft_app_password, f"the value of a client secret {where}"),
        ("MICROSOFT_APP_TENANT_ID", env.microsoft_app_tenant_id, f"the Directory (tenant) ID {where}"),
    ):
        if value is None:
            yield key, f"is not set; copy {which}"
    if env.microsoft_app_type not in ("SingleTenant", "MultiTenant"):
        yield "MICROSOFT_APP_TYPE", f'"{env.microsoft_app_type}" is neither SingleTenant nor MultiTenant'


def time_of_day(text: str) -> time:
    """Parses a time such as `09:00`. Raises ValueError that shows the form."""
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", text.strip())
    if found is None:
        raise ValueError(f'"{text}" is not a time of day; write it in UTC, such as 09:00, or unset it')
    return time(int(found[1]), int(found[2]))
