"""The address under which browsers reach this desk (`[web]` of the desk's file)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict


def host_of(url: str) -> str:
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


def _origin(url: str) -> str:
    """The address without a slash at the end. Raises ValueError that says what to write."""
    host, plain = host_of(url), url.strip().removesuffix("/")
    example = 'write "https://" and the name, such as "https://desk.example"'
    if not host or plain.count("/") > 2 or any(mark in plain for mark in "?#@ "):
        raise ValueError(f'"{url}" is not the address of a site; {example}')
    if plain.startswith("http:") and not is_loopback(host):
        raise ValueError(f'"{url}" is not encrypted; {example}')
    return plain


class WebPart(BaseModel):
    """Where browsers reach the desk. Without it, the desk has no page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_origin)]
