"""Files of shared channels, which Slack's events name by their ids only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from adapters.slack.payloads import Delivery, Malformed, Uploaded, read
from adapters.slack.payloads import File as Named
from adapters.slack.reader import attached
from adapters.slack.web_api import Refused, Unheard, WebApi
from bot.exchange import File, Inbound, Posted

log = structlog.get_logger(__name__)

PATIENCE = 0.8
"""Seconds for all of them; Slack waits for the ack."""
ASK = "check_file_info"


async def known(api: WebApi, act: Inbound, body: Mapping[str, Any]) -> Inbound:
    """The same act, its files called by name; what cannot be asked in time stays as it was told."""
    if not (isinstance(act, Posted) and act.files and (act.thread or act.place.direct)):
        return act
    told = read(Delivery, body).event.files
    return replace(act, files=tuple(await asyncio.gather(*(_known(api, file) for file in told))))


async def _known(api: WebApi, file: Named) -> File:
    if file.file_access != ASK or not file.id:
        return attached(file)
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await api.ask("files.info", {"file": file.id})
        return attached(read(Uploaded, answer.get("file")))
    except (Refused, Unheard, Malformed, TimeoutError) as why:
        log.info("a file's name is not known", file=file.id, why=str(why) or "no answer in time")
        return attached(file)
