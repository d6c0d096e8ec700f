"""Settings from environment variables: addresses, secrets, the clock. Reports every fault at once."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Iterator
from datetime import time
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.clock import SimulatedClock
from bot.config.pagers import value_fault
from bot.config.settings import DeskSettings, load_desk
from sla_core.catalog.load import Fault, Faults
from sla_core.catalog.schema import zone

SLACK_API = "https://slack.com/api/"


class Environment(BaseSettings):
    """The environment variables of the public contract. Empty ones count as unset."""

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True)

    frontline_config: Path = Path("frontline.toml")
    database_url: str = "sqlite:///frontline.db"
    host: str = "127.0.0.1"
    port: int = 3000
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
        return is_loopback(_host(self.slack_api_url))


def read_environment() -> Environment:
    """Raises Faults."""
    try:
        return Environment()
    except ValidationError as wrong:
        raise Faults(
            [Fault("environment", str(e["loc"][0]).upper(), e["msg"]) for e in wrong.errors()]
        ) from None


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
    yield from _paging_faults(env, desk)
    if not 0 <= env.port <= 65535:
        yield "PORT", f"{env.port} is not a port; use 1 to 65535"
    if not _host(env.slack_api_url):
        yield "SLACK_API_URL", f'"{env.slack_api_url}" is not a web address; unset it, or write {SLACK_API}'
    if env.frontline_local_slack:
        if not env.slack_is_local:
            yield "FRONTLINE_LOCAL_SLACK", "needs a SLACK_API_URL on this machine"
        try:
            zone(env.frontline_local_slack)
        except ValueError as wrong:
            yield "FRONTLINE_LOCAL_SLACK", str(wrong)
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


def value_of(text: str) -> str:
    """A value of the desk's file: that of the variable that it names, or itself. Empty: it is not set."""
    return os.environ.get(text[1:], "") if text.startswith("$") else text


def _paging_faults(env: Environment, desk: DeskSettings) -> Iterator[tuple[str, str]]:
    """Variables that pagers and `page` addresses name: those that are not set, and wrong values."""
    named: dict[str, list[str]] = {}
    for person in desk.people.values():
        for number, address in enumerate(person.page, start=1):
            named.setdefault(address, []).append(f"people.{person.id}.page ({number})")
    for pager in desk.pagers.values():
        for key, value in pager.values.items():
            where = f"pagers.{pager.name}.{key}"
            named.setdefault(value, []).append(where)
            known = value_of(value) if value.startswith("$") else ""
            if known and (says := value_fault(pager.kind, key, known)):
                yield value[1:], f"{says}; {where} in {env.frontline_config.name} names it"
    for value, places in named.items():
        if value.startswith("$") and not value_of(value):
            verb = "names" if len(places) == 1 else "name"
            yield value[1:], f"is not set; {' and '.join(places)} in {env.frontline_config.name} {verb} it"


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


def _host(url: str) -> str:
    """The host of a URL; empty unless it is an http or https URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in ("http", "https") else ""


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
