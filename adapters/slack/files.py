"""Files of shared channels, which Slack's events name by their ids only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from adapters.slack.payloads import Malformed, MessageCallback, MessageFile, UploadedFile, parse
from adapters.slack.reader import to_file
from adapters.slack.web_api import SlackApiError, SlackUnavailable, WebApi
from bot.exchange import File as DeskFile
from bot.exchange import Inbound, Posted

log = structlog.get_logger(__name__)

LOOKUP_TIMEOUT = 0.8
"""Seconds for all of them; Slack waits for the ack."""
FILE_INFO_WITHHELD = "check_file_info"


async def with_file_names(api: WebApi, act: Inbound, body: Mapping[str, Any]) -> Inbound:
    """The same act, its files called by name; what cannot be asked in time stays as it was told."""
    if not (isinstance(act, Posted) and act.files and (act.thread or act.place.direct)):
        return act
    told = parse(MessageCallback, body).event.files
    return replace(act, files=tuple(await asyncio.gather(*(_named_file(api, file) for file in told))))


async def _named_file(api: WebApi, file: MessageFile) -> DeskFile:
    if file.file_access != FILE_INFO_WITHHELD or not file.id:
        return to_file(file)
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT):
            answer = await api.request("files.info", {"file": file.id})
        return to_file(parse(UploadedFile, answer.get("file")))
    except (SlackApiError, SlackUnavailable, Malformed, TimeoutError) as why:
        log.info("a file's name is not known", file=file.id, why=str(why) or "no answer in time")
        return to_file(file)
