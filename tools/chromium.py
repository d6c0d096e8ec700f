"""Controls a headless Chromium over its DevTools protocol, for pictures and browser tests."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

PATIENCE = 20.0
"""Seconds to wait for the browser to start, and for something on a page."""
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--font-render-hinting=none",
    "--remote-debugging-address=127.0.0.1",
    "--remote-debugging-port=0",
)

LEFT = (
    "Inspected target navigated or closed",
    "Execution context was destroyed.",
    "Cannot find context with specified id",
)
"""What the browser says of a script whose page is gone."""


class BrowserFault(Exception):
    """The browser failed to do something."""


class PageLeft(BrowserFault):
    """The page was left or closed while a script ran in it."""


def found() -> str | None:
    """The path of this machine's Chromium, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


class Page:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Sends a command and returns its answer; ignores events in between. Raises BrowserFault."""
        number = next(self._numbers)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._socket.send_json({"id": number, "method": method, "params": params})
                while True:
                    answer = json.loads(await self._socket.receive_str())
                    if answer.get("id") == number:
                        break
        except TimeoutError:
            raise BrowserFault(f"{method}: no answer within {PATIENCE:g} s") from None
        if "error" in answer:
            says = answer["error"]["message"]
            raise (PageLeft if says in LEFT else BrowserFault)(f"{method}: {says}")
        result: dict[str, Any] = answer["result"]
        return result

    async def run(self, script: str, *given: Any) -> Any:
        """Calls a JavaScript function with `given` and returns its value."""
        call = f"({script})({', '.join(json.dumps(value) for value in given)})"
        answer = await self.call("Runtime.evaluate", expression=call, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            fault = answer["exceptionDetails"]
            raise BrowserFault(str(fault.get("exception", {}).get("description", fault["text"])))
        return answer["result"].get("value")

    async def until(self, what: str, script: str, *given: Any) -> Any:
        """Waits for a true value, over any change of page. Raises BrowserFault with the page's text."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    with suppress(PageLeft):
                        if value := await self.run(script, *given):
                            return value
                    await asyncio.sleep(0.05)
        except TimeoutError:
            try:
                seen = await self.run("() => document.body.innerText")
            except PageLeft:
                seen = "(it was left just now)"
            raise BrowserFault(f"no {what} within {PATIENCE:g} s; the page says:\n{seen}") from None

    async def set_viewport(self, width: int, height: int, scale: float = 1.0, dark: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        await self.call("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def set_locale(self, zone: str, locale: str) -> None:
        """Sets the time zone and language of its scripts."""
        await self.call("Emulation.setTimezoneOverride", timezoneId=zone)
        await self.call("Emulation.setLocaleOverride", locale=locale)

    async def go(self, address: str) -> None:
        await self.call("Page.navigate", url=address)

    async def write(self, html: str) -> None:
        """Shows our own HTML."""
        frame = (await self.call("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        await self.call("Page.setDocumentContent", frameId=frame, html=html)
        await self.run("() => document.fonts.ready.then(() => true)")

    async def type(self, text: str) -> None:
        """Types into the focused element."""
        await self.call("Input.insertText", text=text)

    async def enter(self) -> None:
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **key)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    async def picture(self) -> bytes:
        """The whole page as PNG."""
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])


@asynccontextmanager
async def browser(program: str) -> AsyncIterator[Page]:
    """Starts a Chromium, yields a page, and stops it. Raises BrowserFault."""
    with tempfile.TemporaryDirectory(prefix="frontline-browser-", ignore_cleanup_errors=True) as folder:
        quiet = asyncio.subprocess.DEVNULL
        environment = {
            name: value for name, value in os.environ.items() if name != "DBUS_SESSION_BUS_ADDRESS"
        }
        arguments = (*FLAGS, f"--user-data-dir={folder}", "about:blank")
        process = await asyncio.create_subprocess_exec(
            program, *arguments, stdout=quiet, stderr=quiet, env=environment
        )
        try:
            port = await _port(process, Path(folder) / "DevToolsActivePort")
            async with aiohttp.ClientSession(trust_env=False) as http:
                async with http.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    pages = [target for target in await answer.json() if target["type"] == "page"]
                async with http.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            await _ended(process)


async def _port(process: asyncio.subprocess.Process, file: Path) -> int:
    try:
        async with asyncio.timeout(PATIENCE):
            while process.returncode is None:
                if await asyncio.to_thread(_lines, file):
                    return int(_lines(file)[0])
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    raise BrowserFault("Chromium did not start here")


def _lines(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
