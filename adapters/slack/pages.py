"""What somebody who installs the app sees in the browser."""

from __future__ import annotations

from html import escape

from slack_bolt.response import BoltResponse

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1.5rem;
color: #1f2933; }}
h1 {{ font-size: 1.5rem; font-weight: 600; }}
a {{ color: #1f3a5f; }}
</style>
<h1>{title}</h1>
{body}
</html>
"""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Type": "text/html",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
INSTALL_LINK = ("install", "Install Frontline again")
"""Beside the page that Slack leads back to, wherever a proxy puts both."""


def html_page(
    title: str, *lines: str, link: tuple[str, str] | None = None, status: int = 200
) -> BoltResponse:
    """A few plain words; nothing in them is taken for HTML."""
    body = "\n".join(f"<p>{escape(line)}</p>" for line in lines)
    if link:
        address, words = link
        body += f'\n<p><a href="{escape(address)}">{escape(words)}</a></p>'
    text = _PAGE.format(title=escape(title), body=body)
    return BoltResponse(status=status, body=text, headers={**_HEADERS})


def installed_page(name: str) -> BoltResponse:
    return html_page(
        f"Frontline is installed in {name}",
        "Invite it into the channels where it is to help: type /invite @Frontline there.",
        "You can close this page.",
    )


def not_installed_page(*lines: str, status: int = 400) -> BoltResponse:
    return html_page("Frontline was not installed", *lines, link=INSTALL_LINK, status=status)
