"""The secrets that `frontline init` needs: their names, where they are found, what is wrong with one."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from bot.cli.setup.draft import HTTP, OAUTH, SOCKET
from bot.config.ids import TEAMS_PERSON
from bot.faults import OperatorFault

WHERE = {
    "SLACK_BOT_TOKEN": "Install App, Bot User OAuth Token (xoxb-…)",
    "SLACK_APP_TOKEN": "Basic Information, App-Level Tokens, one with connections:write (xapp-…)",
    "SLACK_SIGNING_SECRET": "Basic Information, App Credentials, Signing Secret",
    "SLACK_CLIENT_ID": "Basic Information, App Credentials, Client ID",
    "SLACK_CLIENT_SECRET": "Basic Information, App Credentials, Client Secret",
    "MICROSOFT_APP_ID": "the app's registration in Entra, Application (client) ID",
    "MICROSOFT_APP_TENANT_ID": "the app's registration in Entra, Directory (tenant) ID",
    "MICROSOFT_APP_PASSWORD": "the app's registration in Entra, Certificates & secrets, the secret's value",
}
NOT_SECRET = frozenset({"SLACK_CLIENT_ID", "MICROSOFT_APP_ID", "MICROSOFT_APP_TENANT_ID"})


def checked(name: str, value: str) -> str:
    """The value without spaces around it. Raises OperatorFault, which does not repeat it."""
    value = value.strip()
    if not value:
        raise OperatorFault(f"{name} is empty; copy it from: {WHERE[name]}")
    if any(letter.isspace() or not letter.isprintable() for letter in value):
        raise OperatorFault(f"{name} has a space or line break in it; copy it again: {WHERE[name]}")
    if value.startswith(("xoxb-", "xapp-", "xoxp-")) and not name.endswith("_TOKEN"):
        raise OperatorFault(f"{name} is a token, which is not what is asked for: {WHERE[name]}")
    if name in ("MICROSOFT_APP_ID", "MICROSOFT_APP_TENANT_ID") and not TEAMS_PERSON.fullmatch(value.lower()):
        raise OperatorFault(f"{name} is no id of Entra; copy it from: {WHERE[name]}")
    return value


def new_key() -> str:
    """A FRONTLINE_SECRET_KEY."""
    return b64encode(os.urandom(32)).decode()


def check_address(text: str) -> str:
    """An address such as `https://support.vendor.example`. Raises OperatorFault."""
    address = text.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        usable = parts.scheme == "https" and bool(parts.hostname) and not (parts.query or parts.fragment)
        usable = usable and not any(letter.isspace() for letter in address) and parts.path == ""
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise OperatorFault(
            f'"{text.strip()}" is no address that Slack can reach; write https:// and a name, without a '
            "path, such as https://support.vendor.example, or choose socket, which needs none"
        )
    return address


def contradictions(mode: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Variables of the environment that would defeat the chosen way to reach Slack."""
    unwanted = {
        SOCKET: ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"),
        HTTP: ("SLACK_APP_TOKEN", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"),
        OAUTH: ("SLACK_APP_TOKEN", "SLACK_BOT_TOKEN"),
    }
    for name in unwanted[mode]:
        if environment.get(name, "").strip():
            yield f"environment: {name}: is set, but not for {mode}; it wins over .env, so unset it"
