"""Uploads an agent's file again, into the customer's thread: Slack shows a file only where it was shared."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog

from adapters.slack.outbound.web_api import FILE_UPLOADS
from adapters.slack.workspaces.workspace import Workspaces
from bot.model.views import SharedFile
from bot.ports import PermanentFailure, TemporaryFailure

log = structlog.get_logger(__name__)

LARGEST = 50 * 2**20
"""Bytes of a file: it is held in memory while it is copied."""
UPLOAD_WAIT, SHARE_TIMEOUT = 1.5, 2.0
"""Seconds that one try waits for the upload, which goes on after that, and for Slack to share the file;
together shorter than delivery waits for a message."""
UNKNOWN = "Slack did not say whether it arrived; please look in the customer's thread"


class FileCopies:
    """Copies files. An upload is in no channel until it is shared, so it may be repeated; sharing may not."""

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces
        self._uploads: dict[str, asyncio.Task[str]] = {}

    async def share(self, file: SharedFile, channel: str, key: str, more: Mapping[str, str]) -> str:
        """Shares the file in a channel and returns the copy's id; `more` are arguments of that call.

        Raises TemporaryFailure while it is being uploaded, and PermanentFailure.
        """
        if FILE_UPLOADS not in (self._workspaces.scopes_of(channel) or {FILE_UPLOADS}):
            raise PermanentFailure(f"{file.name}: the app lacks the scope {FILE_UPLOADS}")
        copy = await self._uploaded(file, channel, key)
        arguments = {"files": [{"id": copy, "title": file.name}], "channel_id": channel, **more}
        try:
            async with asyncio.timeout(SHARE_TIMEOUT):
                await self._workspaces.call(channel, "files.completeUploadExternal", arguments)
        except TimeoutError:
            raise PermanentFailure(f"{file.name}: {UNKNOWN}") from None
        except TemporaryFailure as busy:
            if busy.maybe_delivered:
                raise PermanentFailure(f"{file.name}: {UNKNOWN}") from busy
            raise
        self._uploads.pop(key, None)
        return copy

    async def close(self) -> None:
        """Ends uploads that are under way; they begin again with the next try."""
        for task in self._uploads.values():
            task.cancel()
        await asyncio.gather(*self._uploads.values(), return_exceptions=True)

    async def _uploaded(self, file: SharedFile, channel: str, key: str) -> str:
        task = self._uploads.get(key)
        if task is None:
            task = self._uploads[key] = asyncio.create_task(self._upload(file, channel))
        done, _ = await asyncio.wait({task}, timeout=UPLOAD_WAIT)
        if not done:
            raise TemporaryFailure(f"{file.name} is still being uploaded")
        try:
            return task.result()
        except PermanentFailure as refusal:
            del self._uploads[key]
            raise PermanentFailure(f"{file.name}: {refusal}") from refusal
        except BaseException as fault:
            del self._uploads[key]
            log.warning("file not copied", why=str(fault) or type(fault).__name__)
            raise TemporaryFailure(f"{file.name} could not be copied: {type(fault).__name__}") from fault

    async def _upload(self, file: SharedFile, channel: str) -> str:
        # Agents' files are in the workspace where agents work, whatever workspace reaches the customer.
        source = (await self._workspaces.all_workspaces())[0].api
        found = (await source.call("files.info", {"file": file.id})).get("file") or {}
        url, size = found.get("url_private_download") or found.get("url_private"), found.get("size")
        if not isinstance(url, str) or not _is_slacks(url, source.url):
            raise PermanentFailure("Slack gives no address to read it from")
        if isinstance(size, int) and size > LARGEST:
            raise PermanentFailure(f"it is larger than {LARGEST // 2**20} MB")
        content = await source.download(url, LARGEST)
        arguments: dict[str, Any] = {"filename": file.name, "length": len(content)}
        workspace, answer = await self._workspaces.call(channel, "files.getUploadURLExternal", arguments)
        await workspace.api.upload(str(answer["upload_url"]), content)
        return str(answer["file_id"])


def _is_slacks(url: str, api_url: str) -> bool:
    """Whether our token may be sent there: to Slack itself, or to the Slack that we call."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_slack = parts.scheme == "https" and (host == "slack.com" or host.endswith(".slack.com"))
    return is_slack or url.startswith(api_url.removesuffix("api/"))
