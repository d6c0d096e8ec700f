"""Pages by every way: chats, phones and pagers, on a desk with real adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp
import pytest

from adapters.pager.phones import TRIES
from adapters.web import WebServer
from adapters.web.hooks import hook_routes
from bot.desk.routes import dispatch
from sla_core.events import Alerted, Event, SeverityChanged, Who
from sla_core.policy import Policy
from sla_core.ticket import Ticket
from tests.desk_file import account, desk_file
from tests.harness import ALICE, BOB, S2, HeldClock, open_desk
from tests.memory_store import MemoryStore
from tests.packs.test_monta import P1
from tests.pager.services import (
    Services,
    Signed,
    acknowledged_by_webhook,
    acknowledged_in_pagerduty,
    connected,
    with_pages,
)
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace, open_workplace
from tests.platforms.desk_files import emergency_desk
from tests.platforms.story import KEY, S1, Story, open_story
from tests.scripted_desk import ready

__all__ = ["open_workplace"]

CHATS = ("slack", "teams")
SUNDAY_NIGHT = "2026-03-22T01:00:00Z"
FIVE_MINUTES_BEFORE_THE_CLOSE = "2026-03-20T20:55:00Z"


@dataclass
class Office:
    """A desk whose people have phones and pagers, and its hooks."""

    story: Story
    services: Services
    hooks: str

    async def hook(self, name: str, signed: Signed) -> int:
        """Sends a request to a pager's hook. Returns the status."""
        body, headers = signed
        url = f"{self.hooks}/hooks/pager/{name}"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=body, headers=headers) as answer,
        ):
            status = answer.status
        await self.story.deliver()
        return status

    async def acknowledges_in_pagerduty(self, by: str, **how: str) -> int:
        return await self.hook("pd", acknowledged_in_pagerduty(KEY, by, **how))

    async def acknowledges_by_webhook(self, by: str, **more: str) -> int:
        return await self.hook("hook", acknowledged_by_webhook(KEY, by, **more))


OpenOffice = Callable[..., Awaitable[Office]]


@pytest.fixture
async def office(
    open_workplace: OpenWorkplace, services: Services, tmp_path: Path
) -> AsyncIterator[OpenOffice]:
    async with AsyncExitStack() as open_ones:

        async def opened(
            name: str,
            at: str = FRIDAY_AFTERNOON,
            file: Callable[[str], str] = str,
            bob: tuple[str, ...] = ("ntfy", "mailto"),
        ) -> Office:
            clock, store = HeldClock(at), MemoryStore()
            workplace = await open_workplace(name, clock, store)
            addresses = [getattr(services, kind) for kind in bob]
            text = with_pages(emergency_desk(name), "bob", addresses, 'zone = "Europe/Berlin"')
            text = file(text + services.pagers())
            story = await open_story(tmp_path, text, clock, store, [workplace])
            story.desk.key_values = store
            store.clock = _RealTime(story)
            settings = story.desk.directory.settings
            platforms = await open_ones.enter_async_context(connected(settings))
            story.desk.platforms |= platforms
            routes = hook_routes(settings, dispatch(story.desk), clock)
            server = WebServer("127.0.0.1", 0, routes, ready)
            await server.start()
            open_ones.push_async_callback(server.stop)
            await story.opens("Alice", "All is down", S1)
            return Office(story, services, server.address)

        yield opened


@dataclass
class _RealTime:
    """The time of the outbox: that of delivery."""

    story: Story

    def now(self) -> datetime:
        return self.story.delivery_clock.now()

    async def sleep_until(self, instant: datetime) -> None: ...


@pytest.mark.parametrize("name", CHATS)
async def test_a_page_goes_out_by_all_ways(office: OpenOffice, name: str) -> None:
    """MON-16: the mention, the direct message, both addresses of Bob, both pagers, each with a link."""
    at = await office(name)
    (pushed,), (mail,) = at.services.at("/"), at.services.mail
    assert pushed.json["message"].startswith(
        f"🚨 {KEY} S1 for Acme GmbH: All is down. Reported Fri 20 Mar 2026, 16:30 CET;"
        " first response is due Fri 20 Mar 2026, 17:30 CET."
    )
    assert "Acknowledge" not in pushed.json["message"]
    assert f"Open {KEY} (http" in pushed.json["message"]
    body = mail.get_body(("plain", "html"))
    assert body is not None
    assert "All is down" in body.get_content()
    (event,), (hooked,) = at.services.at("/pagerduty"), at.services.at("/webhook")
    assert event.json["dedup_key"] == hooked.json["data"]["ticket"] == KEY
    assert event.json["links"][0]["text"] == f"Open {KEY}"
    assert event.json["links"][0]["href"] == hooked.json["data"]["url"]
    assert f"({hooked.json['data']['url']})" in pushed.json["message"], "all lead to the agents' card"
    assert len(at.story.refs("/page/bob")) == 3
    await at.story.wait(minutes=5)
    assert len(at.services.at("/")) == 2, "the phone rings again"
    assert len(at.services.pagerduty()) == len(at.services.webhook()) == 1, "a pager repeats by itself"


async def test_the_next_person_is_paged_by_their_ways(office: OpenOffice) -> None:
    """MON-18. The pagers belong to the step, so they are not called again for its second person."""

    def file(text: str) -> str:
        return with_pages(text, "eve", ["json://" + host(text) + "/json"])

    at = await office("slack", file=file)
    assert at.services.at("/json") == []
    await at.story.wait(minutes=11)
    assert len(at.services.at("/json")) == 1
    assert at.services.pagerduty() == [("trigger", KEY)]


def host(text: str) -> str:
    return text.partition("ntfy://")[2].partition("/")[0]


@pytest.mark.parametrize("name", CHATS)
async def test_one_refusal_hides_no_other_way(office: OpenOffice, services: Services, name: str) -> None:
    """MON-18: agents are told once, however often that way fails."""
    services.statuses = {"/": [403], "/pagerduty": [400]}
    at = await office(name)
    await at.story.wait(minutes=6)
    assert len(at.services.mail) == 2
    assert at.services.webhook() == [("page.triggered", KEY)]
    assert len(at.services.at("/")) == 2 * TRIES
    told = [words for words in at.story.words("/triage/") if "Not delivered" in words]
    assert told == [
        f"{KEY.replace('-', ' ')} Not delivered a page to the pager pd the pager answers with status 400"
        " check its key and address",
        f"{KEY.replace('-', ' ')} Not delivered a page to Bob by address 1 of page Apprise could not send it"
        " check the address",
    ]


def at_monta(services: Services, on_call: str = 'partner_support = ["bob"]') -> str:
    """Bob is on call at a vendor whose worst class pages off hours too. He has a phone and no chat."""
    rotas = {"leadership": ["mia"]}
    file = desk_file(vendor="monta", rotas=rotas, accounts=[account(plan="partner")])
    without_chat = file.replace('slack = "U0BOB"\n', "").replace('agents = ["U0BOB"]', 'agents = ["U0EVE"]')
    with_rota = without_chat.replace("[rotas]\n", f"[rotas]\n{on_call}\n")
    pagers = services.pagers(["pd"]).replace("first_line", "partner_support")
    return with_pages(with_rota, "bob", [services.ntfy]) + pagers


async def opens_off_hours(folder: Path, file: str) -> tuple[list[str], list[str]]:
    """Alice opens it on Sunday night: what she reads in its thread, and the events."""
    desk = await open_desk(folder, SUNDAY_NIGHT, file)
    async with connected(desk.desk.directory.settings) as platforms:
        desk.desk.platforms |= platforms
        key = await desk.submits(ALICE, "No charger works", P1)
    return desk.thread(key), await desk.events(key)


async def test_a_page_that_only_a_phone_took_lets_the_customer_know(
    services: Services, tmp_path: Path
) -> None:
    """MON-16, MTA-21: "has been paged" is said once one way has accepted it."""
    (said,), events = await opens_off_hours(tmp_path, at_monta(services))
    assert said.startswith("ACME-1 Bob has been paged, although it is outside our support hours.")
    assert "PageAccepted" in events


async def test_a_page_that_nothing_took_is_not_claimed(services: Services, tmp_path: Path) -> None:
    """A pager beside people is nobody's acceptance."""
    services.statuses["/"] = [403]
    said, events = await opens_off_hours(tmp_path, at_monta(services))
    assert (said, services.pagerduty()) == ([], [("trigger", KEY)])
    assert "PageAccepted" not in events


@pytest.mark.parametrize("status", [202, 400])
async def test_what_a_pager_accepts_for_a_role_that_nobody_holds_counts(
    services: Services, tmp_path: Path, status: int
) -> None:
    services.statuses["/pagerduty"] = [status]
    said, events = await opens_off_hours(tmp_path, at_monta(services, on_call=""))
    assert [text[:48] for text in said] == ["ACME-1 On-call team has been paged, although it "] * (
        status == 202
    )
    assert ("PageAccepted" in events) == (status == 202)


@pytest.mark.parametrize("way", ["pagerduty", "webhook"])
@pytest.mark.parametrize("name", CHATS)
async def test_an_acknowledgement_in_a_pager_ends_all_pages(office: OpenOffice, name: str, way: str) -> None:
    """MON-18, M3-19: the buttons vanish, triage reads who has it, no other page goes out."""
    at = await office(name)
    await at.story.wait(minutes=6)
    if way == "pagerduty":
        assert await at.acknowledges_in_pagerduty("Bob") == 202
    else:
        assert await at.acknowledges_by_webhook("Robert", email="nobody@vendor.example") == 202
    who = "Bob" if way == "pagerduty" else "Robert"
    direct = [at.story.agents.displayed(ref) for ref in at.story.refs("/bob") if ref.place.platform == name]
    assert len(direct) == 2
    for page in direct:
        assert page.labels == ()
        assert f"{who} has this ticket" in page.words
    assert at.story.words("/triage/")[-1] == f"ACME 1 {who} acknowledged the page"
    rung = len(at.services.requests)
    await at.story.wait(minutes=30)
    assert len(at.services.requests) == rung
    assert at.services.pagerduty() == [("trigger", KEY), ("acknowledge", KEY)]
    assert at.services.webhook() == [("page.triggered", KEY), ("page.acknowledged", KEY)]
    (answered,) = [e for e in (await at.story.desk.ticket(KEY)).history if isinstance(e, Alerted)]
    directory = at.story.desk.directory
    bob = directory.direct_address(directory.settings.people["bob"], name)
    assert answered.by.id == (str(bob) if way == "pagerduty" else "pager:hook:Robert")


async def test_who_acknowledged_is_found_by_address_too(office: OpenOffice) -> None:
    def file(text: str) -> str:
        return text.replace('id = "eve"', 'id = "eve"\nemail = "Eve@vendor.example"')

    at = await office("slack", file=file)
    assert await at.acknowledges_by_webhook("E. Example", email="eve@VENDOR.example") == 202
    assert at.story.words("/triage/")[-1] == "ACME 1 Eve acknowledged the page"


@pytest.mark.parametrize("name", CHATS)
async def test_a_resolution_resolves_the_incident(office: OpenOffice, name: str) -> None:
    """Once: closing the ticket afterwards is no news to a pager."""
    at = await office(name)
    await at.acknowledges_in_pagerduty("Bob")
    await at.story.agent("Resolve", "It runs again.")
    assert at.services.pagerduty() == [("trigger", KEY), ("acknowledge", KEY), ("resolve", KEY)]
    assert at.services.webhook()[-1] == ("page.resolved", KEY)
    await at.story.customer("Close")
    assert len(at.services.pagerduty()) == 3


async def test_a_ticket_that_is_resolved_at_once_resolves_the_incident(office: OpenOffice) -> None:
    at = await office("slack")
    await at.story.agent("Resolve", "It runs again.")
    assert at.services.pagerduty() == [("trigger", KEY), ("resolve", KEY)]


async def test_an_acknowledgement_in_triage_is_shown_in_the_pager(office: OpenOffice) -> None:
    at = await office("slack")
    await at.story.agent("Acknowledge")
    assert at.services.pagerduty() == [("trigger", KEY), ("acknowledge", KEY)]
    assert len(at.services.at("/")) == 1, "what has reached a phone stays"


async def test_who_resolves_in_the_pager_has_seen_it(office: OpenOffice) -> None:
    at = await office("slack")
    assert await at.acknowledges_in_pagerduty("Bob", kind="resolved") == 202
    assert at.story.words("/triage/")[-1] == "ACME 1 Bob acknowledged the page"
    assert (await at.story.desk.ticket(KEY)).state == "open"


async def test_the_same_acknowledgement_twice_is_one(office: OpenOffice) -> None:
    at = await office("slack")
    await at.acknowledges_in_pagerduty("Bob")
    before = await at.story.events()
    assert await at.acknowledges_in_pagerduty("Bob") == 202
    assert await at.acknowledges_in_pagerduty("Bob", id="02F") == 202, "nobody is paged any more"
    assert await at.story.events() == before


async def test_an_alarm_after_an_answer_is_a_new_incident(office: OpenOffice) -> None:
    """PagerDuty would call nobody about the one that was acknowledged. M3-19: the resolver's step."""
    at = await office("slack")
    await at.acknowledges_in_pagerduty("Bob")
    await at.story.wait(minutes=6)
    await changes_severity(at, "S2")
    await changes_severity(at, "S1")
    first, acknowledged, second = at.services.pagerduty()
    assert (first, acknowledged) == (("trigger", KEY), ("acknowledge", KEY))
    assert second[0] == "trigger"
    assert second[1].startswith(f"{KEY}/")
    events = await at.story.events()
    assert await at.acknowledges_in_pagerduty("Eve", id="02F", kind="resolved") == 202
    assert await at.story.events() == events, "the first incident is over"
    assert await at.hook("pd", acknowledged_in_pagerduty(second[1], "Eve", id="03G")) == 202
    assert at.story.words("/triage/")[-1] == "ACME 1 Eve acknowledged the page"
    await at.story.agent("Resolve", "It runs again.")
    assert {("resolve", KEY), ("resolve", second[1])} <= {*at.services.pagerduty()}


async def changes_severity(at: Office, severity: str) -> None:
    def decide(ticket: Ticket, policy: Policy, now: datetime) -> list[Event]:
        return [SeverityChanged(now, Who("slack:T0VENDOR:U0KIM", "Kim"), severity, "seen")]

    await at.story.desk.change(None, KEY, decide)
    await at.story.deliver()


@pytest.mark.parametrize("name", CHATS)
async def test_a_pager_stands_for_a_role_that_nobody_holds(office: OpenOffice, name: str) -> None:
    """MON-18: it is paged as the on-call team; leadership is next."""

    def file(text: str) -> str:
        return text.replace('first_line = ["bob", "eve"]\n', "")

    at = await office(name, file=file)
    assert any("Paged On call team" in words for words in at.story.words("/triage/"))
    assert at.services.pagerduty() == [("trigger", KEY)]
    await at.story.wait(minutes=11)
    assert at.services.pagerduty() == [("trigger", KEY)]
    assert "Paged leadership Mia" in " ".join(at.story.words("/triage/"))
    assert await at.acknowledges_in_pagerduty("Somebody Else") == 202
    assert at.story.words("/triage/")[-1] == "ACME 1 Somebody Else acknowledged the page"


async def test_a_pager_that_stands_for_leadership_is_the_last_resort(
    services: Services, tmp_path: Path
) -> None:
    """MON-18: also where its own step was passed over, because the office had closed; once, and with Dana."""
    file = desk_file(rotas={"first_line": ["bob"], "second_line": ["eve"]})
    pagers = services.pagers(["pd"]).replace("first_line", "leadership")
    desk = await open_desk(tmp_path, FIVE_MINUTES_BEFORE_THE_CLOSE, file + pagers)
    async with connected(desk.desk.directory.settings) as platforms:
        desk.desk.platforms |= platforms
        key = await desk.submits(ALICE, "It is slow", S2)
        await desk.submits_form(BOB, "Escalate", key, text="Month end")
        await desk.fast_forward(minutes=6)
        assert services.pagerduty() == []
        await desk.fast_forward(minutes=20)
    last = [page.person for page in (await desk.ticket(key)).pages if page.step == 4]
    assert last[:2] == ["pd", "dana"]
    assert services.pagerduty() == [("trigger", KEY)]
