"""Fetches files over HTTP."""

from __future__ import annotations

import aiohttp
from yarl import URL

from bot.ports import TemporaryFailure

TIMEOUT = 15.0
LARGEST = 5_000_000
"""Bytes; more is not a calendar."""


async def fetch_text(url: str) -> str:
    """The text at a URL. Raises TemporaryFailure that does not contain the URL, which may be a secret."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    body = b""
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(URL(url)) as answer,
        ):
            if answer.status != 200:
                raise TemporaryFailure(f"it answers with status {answer.status}")
            async for part in answer.content.iter_any():
                body += part
                if len(body) > LARGEST:
                    raise TemporaryFailure(f"it has more than {LARGEST:,} bytes")
    except TimeoutError:
        raise TemporaryFailure(f"it does not answer within {TIMEOUT:g} seconds") from None
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError):
        raise TemporaryFailure("its address is not a web address; write https://…") from None
    except aiohttp.ClientError as error:
        raise TemporaryFailure(f"it cannot be reached ({type(error).__name__})") from None
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise TemporaryFailure("it is not text in UTF-8") from None
