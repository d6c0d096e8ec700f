"""Pages to PagerDuty and to signed webhooks, before services on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from standardwebhooks.webhooks import Webhook

from adapters.pager import pagers as module
from adapters.pager.adapter import OneWay
from adapters.pager.pagers import LONGEST_SUMMARY, LONGEST_WAIT, Pagers, PagerTarget
from bot.model.address import MessageRef, Place
from bot.model.views import Link, Notice, Quote, Strong
from bot.ports import PermanentFailure, TemporaryFailure
from bot.runtime.doctor import Health
from sla_core.promise import Tone
from tests.pager.services import ROUTING_KEY, WEBHOOK_SECRET, Services

PD, HOOK = Place("pager", "pd"), Place("pager", "hook")
LINK = Link("https://chat.example/1", "Open ACME-1")
PAGE = Notice((Strong("ACME-1"), " S1 for Acme:", Quote("All is down"), " ", LINK), Tone.ALARM)
WORDS = "ACME-1 S1 for Acme: “All is down”"
KEY = "ACME-1/2/pager/pd"


def targets(services: Services) -> dict[str, PagerTarget]:
    return {
        "pd": PagerTarget("first_line", f"{services.address}/pagerduty", ROUTING_KEY, listens=False),
        "hook": PagerTarget("first_line", f"{services.address}/webhook", sign=Webhook(WEBHOOK_SECRET).sign),
    }


@asynccontextmanager
async def pagers(known: dict[str, PagerTarget]) -> AsyncIterator[OneWay]:
    made = OneWay("pager", Pagers(known))
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def pager(services: Services) -> AsyncIterator[OneWay]:
    async with pagers(targets(services)) as made:
        yield made


async def test_pagerduty_opens_acknowledges_and_resolves_one_incident(
    services: Services, pager: OneWay
) -> None:
    """MON-16: the ticket's key is the incident's, so a repetition is no second incident."""
    ref = await pager.post(PD, PAGE, None, KEY)
    await pager.update(ref, Notice((*PAGE.text, "Bob has this ticket."), Tone.CALM))
    await pager.update(ref, Notice((*PAGE.text, "Bob resolved this ticket."), Tone.DONE))
    triggered, *later = [request.json for request in services.at("/pagerduty")]
    assert triggered == {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": "ACME-1",
        "client": "Frontline",
        "payload": {
            "summary": WORDS,
            "source": "Frontline",
            "severity": "critical",
            "custom_details": {"text": WORDS},
        },
        "links": [{"href": LINK.url, "text": LINK.text}],
    }
    ends = ("acknowledge", "resolve")
    assert later == [{"routing_key": ROUTING_KEY, "event_action": end, "dedup_key": "ACME-1"} for end in ends]


async def test_a_long_summary_is_cut_and_kept_whole_in_the_details(services: Services, pager: OneWay) -> None:
    await pager.post(PD, Notice(("x" * 3000,)), None, KEY)
    (event,) = services.at("/pagerduty")
    payload = event.json["payload"]
    assert len(payload["summary"]) == LONGEST_SUMMARY
    assert payload["custom_details"]["text"] == "x" * 3000


async def test_a_webhook_is_signed_and_goalert_can_read_it(services: Services, pager: OneWay) -> None:
    ref = await pager.post(HOOK, PAGE, None, "ACME-1/2/pager/hook")
    await pager.update(ref, Notice(PAGE.text, Tone.CALM))
    await pager.update(ref, Notice(PAGE.text, Tone.DONE))
    for request in services.at("/webhook"):
        Webhook(WEBHOOK_SECRET).verify(request.body, dict(request.headers))
    first, seen, over = [request.json for request in services.at("/webhook")]
    assert [first["type"], seen["type"], over["type"]] == [
        "page.triggered",
        "page.acknowledged",
        "page.resolved",
    ]
    assert first["data"] == {
        "ticket": "ACME-1",
        "incident": "ACME-1",
        "pager": "hook",
        "summary": WORDS,
        "url": LINK.url,
    }
    assert (first["summary"], first["details"], first["dedup"]) == (WORDS, f"{WORDS} {LINK.url}", "ACME-1")
    assert [each.get("action") for each in (first, seen, over)] == [None, None, "close"]
    assert first["timestamp"].endswith("Z")


async def test_the_same_page_has_the_same_id_each_time(services: Services, pager: OneWay) -> None:
    """Its receiver may drop a repetition."""
    for key in ("ACME-1/2/pager/hook", "ACME-1/2/pager/hook", "ACME-1/9/pager-again/hook"):
        await pager.post(HOOK, PAGE, None, key)
    ids = [request.headers["webhook-id"] for request in services.at("/webhook")]
    assert ids[0] == ids[1] != ids[2]


async def test_a_page_after_an_answer_is_a_new_incident(services: Services, pager: OneWay) -> None:
    """PagerDuty calls nobody about an incident that was acknowledged."""
    ref = await pager.post(PD, PAGE, None, "ACME-1/9/pager-again/pd")
    await pager.update(ref, Notice(PAGE.text, Tone.DONE))
    assert services.pagerduty() == [("trigger", "ACME-1/9"), ("resolve", "ACME-1/9")]


@pytest.mark.parametrize("place", [PD, HOOK])
@pytest.mark.parametrize("status", [500, 503, 429])
async def test_what_may_pass_is_tried_again(
    services: Services, pager: OneWay, place: Place, status: int
) -> None:
    services.statuses = {"/pagerduty": [status], "/webhook": [status]}
    services.headers = {"Retry-After": "17"}
    with pytest.raises(TemporaryFailure, match=str(status)) as failed:
        await pager.post(place, PAGE, None, KEY)
    assert failed.value.retry_after == (17 if status == 429 else None)


@pytest.mark.parametrize(
    ("says", "least", "most"),
    [
        ("86400", LONGEST_WAIT, LONGEST_WAIT),
        ("inf", LONGEST_WAIT, LONGEST_WAIT),
        ("-5", 0, 0),
        ("Fri, 31 Dec 2100 23:59:59 GMT", LONGEST_WAIT, LONGEST_WAIT),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0, 0),
    ],
)
async def test_how_long_a_pager_asks_to_wait(
    services: Services, pager: OneWay, says: str, least: float, most: float
) -> None:
    services.statuses, services.headers = {"/pagerduty": [429]}, {"Retry-After": says}
    with pytest.raises(TemporaryFailure) as failed:
        await pager.post(PD, PAGE, None, KEY)
    assert failed.value.retry_after is not None
    assert least <= failed.value.retry_after <= most


async def test_a_wait_without_a_length_is_ours_to_choose(services: Services, pager: OneWay) -> None:
    services.statuses, services.headers = {"/pagerduty": [429]}, {"Retry-After": "soon"}
    with pytest.raises(TemporaryFailure) as failed:
        await pager.post(PD, PAGE, None, KEY)
    assert failed.value.retry_after is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302])
async def test_what_will_not_pass_is_refused_without_a_secret(
    services: Services, pager: OneWay, status: int
) -> None:
    """A redirect is not followed: it could lead the key elsewhere."""
    services.statuses = {"/pagerduty": [status], "/webhook": [status]}
    services.headers = {"Location": f"{services.address}/elsewhere"}
    for place in (PD, HOOK):
        with pytest.raises(PermanentFailure, match=str(status)) as refused:
            await pager.post(place, PAGE, None, KEY)
        for secret in (ROUTING_KEY, WEBHOOK_SECRET, services.host):
            assert secret not in str(refused.value)
    assert services.at("/elsewhere") == []


async def test_a_lost_answer_may_have_arrived(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    services.hold = asyncio.Event()
    async with pagers(targets(services)) as pager:
        with pytest.raises(TemporaryFailure, match="in time") as failed:
            await pager.post(PD, PAGE, None, KEY)
    assert failed.value.maybe_delivered


async def test_nobody_listens_there() -> None:
    async with pagers({"pd": PagerTarget("first_line", "http://127.0.0.1:9/x", ROUTING_KEY)}) as pager:
        with pytest.raises(TemporaryFailure, match="cannot be reached") as failed:
            await pager.post(PD, PAGE, None, KEY)
    assert "127.0.0.1" not in str(failed.value)


async def test_a_pager_that_is_gone_is_refused_for_good(services: Services, pager: OneWay) -> None:
    gone = Place("pager", "old")
    with pytest.raises(PermanentFailure, match="no longer"):
        await pager.post(gone, PAGE, None, "ACME-1/2/pager/old")
    with pytest.raises(PermanentFailure, match="no longer"):
        await pager.update(MessageRef(gone, "ACME-1"), PAGE)
    assert services.requests == []


async def test_the_doctor_says_whether_acknowledgements_come_back(services: Services) -> None:
    found = list(Pagers(targets(services)).examine())
    assert [(each.health, each.about) for each in found] == [
        (Health.WARNING, "pager pd"),
        (Health.OK, "pager hook"),
    ]
    assert "set pagers.pd.secret" in found[0].says
    assert "/hooks/pager/hook" in found[1].says


def test_no_secret_is_printed(services: Services) -> None:
    shown = repr(targets(services))
    assert ROUTING_KEY not in shown
    assert services.host not in shown
