"""The desk's page over HTTP: who gets in, by what, and what each person sees there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from adapters.web import WebServer
from adapters.web.desk_page import COOKIE, DeskWebPage
from bot.clock import real_now
from bot.desk.desk import InMemoryKeyValueStore
from bot.desk.web import sign_in
from bot.model.address import Actor, Place
from bot.model.inbound import Ask, Show
from bot.model.views import Link, Notice
from bot.ports import StoreUnavailable
from tests.desk_file import account, desk_file
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DANA,
    EVE,
    S1,
    S2,
    SILVERLINE,
    TRIAGE,
    DeskInMemory,
    answer_text,
    open_desk,
    person,
)

FRIDAY = "2026-03-20T16:30:00+01:00"
SITE = "https://desk.example"
WEB = f'\n[web]\nurl = "{SITE}/"\n'
BERLIN = 'name = "Bob"\nzone = "Europe/Berlin"'
DESK_FILE = desk_file(accounts=[account(), SILVERLINE]).replace('name = "Bob"', BERLIN) + WEB
DIRECT = Place("slack", "D0BOB", True)


@dataclass
class Answered:
    status: int
    text: str
    headers: dict[str, str]


class Browser:
    """A browser with cookies of its own. It follows no redirect by itself."""

    def __init__(self, address: str, session: aiohttp.ClientSession) -> None:
        self._address, self._session = address, session

    async def opens(self, path: str = "/desk", method: str = "GET", **headers: str) -> Answered:
        url = self._address + path
        async with self._session.request(method, url, headers=headers, allow_redirects=False) as said:
            return Answered(said.status, await said.text(), dict(said.headers))

    async def presses(self, path: str, **headers: str) -> Answered:
        return await self.opens(path, "POST", **headers)

    async def signs_in(self, path: str) -> Answered:
        """Opens the link, presses the button of its page, and goes where the answer leads."""
        offered = await self.opens(path)
        assert offered.status == 200, offered.text
        (action,) = re.findall(r'action="([^"]+)"', offered.text)
        answer = await self.presses(action, **{"Sec-Fetch-Site": "same-origin"})
        assert (answer.status, answer.headers["Location"]) == (303, "/desk"), answer
        # The cookie is for https only, which this server does not speak.
        (token,) = re.findall(rf"{COOKIE}=([^;]+);", answer.headers["Set-Cookie"])
        self._session.cookie_jar.update_cookies({COOKIE: token})
        return answer


class Site:
    """A desk in memory, and its page on a port of this machine."""

    def __init__(self, desk: DeskInMemory, address: str, faults: list[str]) -> None:
        self.desk, self.address, self.faults = desk, address, faults

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            yield Browser(self.address, session)

    async def link(self, actor: Actor = BOB, place: Place = DIRECT) -> str:
        """The path of the link that the bot sends to this person, privately."""
        answer = await self.desk.command(actor, place, "desk")
        assert isinstance(answer, Show)
        assert not answer.public
        assert isinstance(answer.view, Notice)
        (link,) = (part for part in answer.view.text if isinstance(part, Link))
        url = self.desk.desk.directory.settings.web_url
        assert link.url.startswith(f"{url}/desk/sign-in/")
        return link.url.removeprefix(url)


@asynccontextmanager
async def site(folder: Path, file: str = DESK_FILE) -> AsyncIterator[Site]:
    desk, faults = await open_desk(folder, FRIDAY, file), list[str]()

    async def ready() -> list[str]:
        if "bug" in faults:
            raise RuntimeError("secret")
        return faults

    server = WebServer("127.0.0.1", 0, DeskWebPage(desk.desk, ready).routes(), ready)
    await server.start()
    try:
        yield Site(desk, server.address, faults)
    finally:
        await server.stop()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as made:
        yield made


def stored_texts(desk: DeskInMemory) -> str:
    assert isinstance(desk.desk.key_values, InMemoryKeyValueStore)
    return str(desk.desk.key_values.topics)


async def test_an_agent_signs_in_once_for_twelve_hours(here: Site) -> None:
    """Opening the link uses nothing up, because chat programs open it as well; pressing the button does."""
    link = await here.link()
    token = link.rpartition("/")[2]
    assert token not in stored_texts(here.desk)
    async with here.browser() as browser, here.browser() as other:
        assert (await browser.opens()).status == 401
        for _ in range(2):
            offered = await browser.opens(link)
            assert "Sign in as Bob" in offered.text
            assert "Set-Cookie" not in offered.headers
        answer = await browser.signs_in(link)
        cookie = answer.headers["Set-Cookie"]
        assert {"HttpOnly", "SameSite=Strict", "Secure", "Path=/desk", "Max-Age=43200"} <= {
            each.strip() for each in cookie.split(";")
        }
        session = re.findall(rf"{COOKIE}=([^;]+);", cookie)[0]
        assert session not in stored_texts(here.desk)
        assert "Bob" in (await browser.opens()).text

        # The bot says so to Bob, and how to end it if it was somebody else.
        await here.desk.deliver()
        (said,) = here.desk.direct(BOB)
        assert said.text.startswith("You are signed in to the desk's page until ")

        # A second use, in any browser.
        for each in (browser, other):
            for method in ("GET", "POST"):
                used = await each.opens(link, method)
                assert used.status == 410
                assert "Write “desk” to the bot again to get a new one." in used.text
                assert "Bob" not in used.text
        assert (await other.opens()).status == 401

        here.desk.real_time_passes(hours=11, minutes=59)
        assert (await browser.opens()).status == 200
        here.desk.real_time_passes(hours=12, minutes=1)
        late = await browser.opens()
        assert late.status == 401
        assert "It sends you a link that signs you in" in late.text


async def test_a_link_ends_after_ten_minutes(here: Site) -> None:
    link = await here.link()
    here.desk.real_time_passes(minutes=9)
    async with here.browser() as browser:
        assert (await browser.opens(link)).status == 200
        here.desk.real_time_passes(minutes=11)
        assert (await browser.opens(link)).status == 410
        assert (await browser.presses(link)).status == 410
        assert (await browser.opens("/desk/sign-in/guess")).status == 410


async def test_a_link_does_not_work_for_somebody_else(here: Site) -> None:
    """Eve opens Bob's link in her browser: it signs nobody in and stays his."""
    his, hers = await here.link(BOB), await here.link(EVE)
    async with here.browser() as eves, here.browser() as bobs:
        await eves.signs_in(hers)
        for method in ("GET", "POST"):
            refused = await eves.opens(his, method)
            assert refused.status == 403
            assert "You are signed in as Eve" in refused.text
            assert "Bob" not in refused.text
        await bobs.signs_in(his)
        # Whatever browser it was: Bob ends all his sessions and his links.
        another = await here.link(BOB)
        assert "signed out" in answer_text(await here.desk.command(BOB, DIRECT, "desk sign out"))
        assert (await bobs.opens()).status == 401
        assert (await bobs.opens(another)).status == 410
        assert (await eves.opens()).status == 200
        assert (await eves.presses("/desk/sign-out")).status == 303
        assert (await eves.opens()).status == 401


async def test_customers_get_no_link(here: Site) -> None:
    """`desk` is a word like others to them; a link that was for an agent ends with the role."""
    here.desk.chat.in_channels[ALICE.user.id] = frozenset({ACME})
    for place in (ACME, Place("slack", "D0ALICE", True)):
        assert isinstance(await here.desk.command(ALICE, place, "desk"), Ask)
    assert stored_texts(here.desk).count("desk-links") == 0
    assert "desk" not in answer_text(await here.desk.command(ALICE, ACME, "help")).split()
    assert "desk sign out" in answer_text(await here.desk.command(BOB, TRIAGE, "help"))

    stranger = await sign_in.new_link(here.desk.desk, person("Mallory", "T0ACME"))
    async with here.browser() as browser:
        assert (await browser.opens(f"/desk/sign-in/{stranger}")).status == 410
        assert (await browser.presses(f"/desk/sign-in/{stranger}")).status == 410
        await browser.signs_in(await here.link())
        here.desk.desk.directory.settings.rotas.clear()  # type: ignore[attr-defined]
        here.desk.desk.directory.settings.chats.clear()  # type: ignore[attr-defined]
        assert (await browser.opens()).status == 401


async def test_the_page_shows_what_is_due_first(here: Site) -> None:
    here.desk.chat.links_begin = "https://slack.example"
    slow = await here.desk.submits(ALICE, "Bills <script>alert(1)</script> are slow", S2)
    down = await here.desk.submits(ALICE, "Nothing works", S1)
    async with here.browser() as browser:
        await browser.signs_in(await here.link())
        answer = await browser.opens()
        page = answer.text
        assert page.index(down) < page.index(slow)
        assert "Bills &lt;script&gt;" in page
        assert "<script" not in page
        assert "Acme GmbH" in page
        assert "less than 1 h left" in page
        assert f'href="https://slack.example/{TRIAGE.id}/' in page
        assert "CET" in page  # Bob's zone
        assert "The desk is ready." in page
        assert "<strong>" in page.partition("<h2>On call</h2>")[2]
        assert "Bob, then Eve" in page
        assert "No promise was settled yet." in page
        assert '<meta http-equiv="refresh" content="60">' in page
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self';")
        assert answer.headers["Cache-Control"] == "no-store"
        assert not re.search(r'(src|href)="(?!/desk/|data:|https://slack\.example)', page)
        (style,) = re.findall(r'rel="stylesheet" href="([^"]+)"', page)
        assert (await browser.opens(style)).headers["Content-Type"].startswith("text/css")

        # A breach, a kept promise, and a desk that is not ready.
        await here.desk.submits_form(BOB, "Reply", slow, text="We look into it.")
        await here.desk.fast_forward(hours=2)
        here.faults.append("the database <does> not answer")
        here.desk.desk.real_clock = here.desk.clock
        page = (await browser.opens()).text
        assert "breached" in page
        assert "Breach recorded" in page
        assert re.search(r"Acme GmbH</th><td>1</td><td>2</td><td>50 %", page)
        assert "the database &lt;does&gt; not answer" in page
        here.faults[:] = ["bug"]
        assert "readiness unknown: RuntimeError" in (await browser.opens()).text


async def test_a_tam_sees_her_own_accounts_only(tmp_path: Path) -> None:
    """Dana is in no rota: Silverline's tickets, who is on call and other accounts' figures are not hers."""
    async with site(tmp_path) as here:
        await here.desk.submits(ALICE, "Acme waits", S1)
        await here.desk.submits(person("Sam"), "Silver waits", S1, Place("slack", "C0SILVER"))
        await here.desk.fast_forward(hours=3)
        async with here.browser() as hers, here.browser() as his:
            await hers.signs_in(await here.link(DANA, ACME))
            page = (await hers.opens()).text
            assert "Acme waits" in page
            assert "Silver" not in page
            assert "On call" not in page
            await his.signs_in(await here.link())
            assert "Silver waits" in (await his.opens()).text


async def test_without_an_address_there_is_no_page(tmp_path: Path) -> None:
    async with site(tmp_path, DESK_FILE.replace(WEB, "")) as here:
        says = answer_text(await here.desk.command(BOB, DIRECT, "desk"))
        assert "set url in [web]" in says
        async with here.browser() as browser:
            assert (await browser.opens()).status == 404
            assert (await browser.opens("/desk/sign-in/x")).status == 404


async def test_what_other_sites_send_and_an_unavailable_store_change_nothing(here: Site) -> None:
    link = await here.link()
    async with here.browser() as browser:
        refused = await browser.presses(link, **{"Sec-Fetch-Site": "cross-site"})
        assert refused.status == 403
        await browser.signs_in(link)

        async def fails(*_: object, **__: object) -> None:
            raise StoreUnavailable("secret address")

        here.desk.desk.store.queue = fails  # type: ignore[method-assign, assignment]
        busy = await browser.opens()
        assert busy.status == 503
        assert "in a minute" in busy.text
        assert "secret" not in busy.text


async def test_a_link_that_two_browsers_use_at_once_signs_one_in(here: Site) -> None:
    token = (await here.link()).rpartition("/")[2]
    desk = here.desk.desk
    assert isinstance(await sign_in.use_link(desk, token, ""), str)
    assert await sign_in.use_link(desk, token, "") == sign_in.USED
    again = await sign_in.new_link(desk, BOB)
    lock, now = f"{sign_in.LINKS}/{sign_in._hash(again)}", real_now()
    assert await desk.key_values.try_lock(lock, "another replica", now + timedelta(minutes=1), now)
    assert await sign_in.use_link(desk, again, "") == sign_in.USED
