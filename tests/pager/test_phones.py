"""Pages by Apprise, before real services on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from adapters.pager.adapter import TIMEOUT, OneWay
from adapters.pager.phones import TITLE, TRIES, PageAddress, Phones
from bot.faults import OperatorFault
from bot.model.address import UserRef
from bot.model.views import Link, Notice, Strong, When
from bot.ports import PermanentFailure, TemporaryFailure
from bot.runtime.delivery import SEND_TIMEOUT
from sla_core.promise import Tone
from tests.pager.services import Services
from tests.waiting import eventually

DANA = UserRef("apprise", "", "dana/0")
PAGE = Notice(
    (
        Strong("ACME-1"),
        " All is down; first response is due ",
        When(datetime(2026, 3, 20, 16, 30, tzinfo=UTC)),
        ". ",
        Link("https://chat.example/1", "Open ACME-1"),
    ),
    Tone.ALARM,
)
SAYS = (
    "🚨 ACME-1 All is down; first response is due Fri 20 Mar 2026, 17:30 CET."
    " Open ACME-1 (https://chat.example/1)"
)


@asynccontextmanager
async def phones(*addresses: str) -> AsyncIterator[OneWay]:
    zone = ZoneInfo("Europe/Berlin")
    made = OneWay("apprise", Phones({f"dana/{i}": PageAddress(a, zone) for i, a in enumerate(addresses)}))
    await made.start()
    yield made
    await made.close()


async def test_a_push_service_gets_plain_text_with_times_in_the_persons_zone(services: Services) -> None:
    async with phones(services.ntfy) as made:
        ref = await made.post(DANA, PAGE, None, "ACME-1/2/page/dana/0")
    (pushed,) = services.requests
    assert (pushed.json["topic"], pushed.json["title"], pushed.json["message"]) == (
        "dana-phone",
        TITLE,
        SAYS,
    )
    assert (ref.place.platform, ref.place.id) == ("apprise", "dana/0")


async def test_mail_and_json_get_it_too(services: Services) -> None:
    async with phones(services.mailto, services.json_address) as made:
        await made.post(DANA, PAGE, None, "one")
        await made.post(UserRef("apprise", "", "dana/1"), PAGE, None, "two")
    (mail,) = services.mail
    body = mail.get_body(("plain", "html"))
    assert body is not None
    assert "All is down" in body.get_content()
    assert "dana@vendor.example" in mail["To"]
    (called,) = services.at("/json")
    assert called.json["message"] == SAYS


async def test_a_page_that_apprise_cannot_send_is_tried_a_few_times(services: Services) -> None:
    """The reason names no address: it may be a secret."""
    services.statuses["/"] = [403]
    async with phones(services.ntfy) as made:
        for _ in range(TRIES - 1):
            with pytest.raises(TemporaryFailure) as again:
                await made.post(DANA, PAGE, None, "one")
            assert not again.value.maybe_delivered
        with pytest.raises(PermanentFailure) as refused:
            await made.post(DANA, PAGE, None, "one")
        services.statuses["/"] = [200]
        await made.post(DANA, PAGE, None, "two")
    assert services.host not in str(refused.value)
    assert "dana-phone" not in str(refused.value)


async def test_a_slow_service_is_called_once(services: Services) -> None:
    """Delivery stops waiting; its next try waits for the call that is still under way."""
    services.hold = asyncio.Event()
    async with phones(services.ntfy) as made:
        first = asyncio.create_task(made.post(DANA, PAGE, None, "one"))
        await eventually(lambda: services.requests)
        first.cancel()
        await asyncio.wait([first])
        second = asyncio.create_task(made.post(DANA, PAGE, None, "one"))
        services.hold.set()
        await second
    assert len(services.requests) == 1


async def test_an_address_that_is_gone_is_refused_for_good(services: Services) -> None:
    async with phones(services.ntfy) as made:
        with pytest.raises(PermanentFailure, match="no longer"):
            await made.post(UserRef("apprise", "", "dana/7"), PAGE, None, "one")


async def test_unknown_addresses_stop_the_start_and_are_not_shown(services: Services) -> None:
    with pytest.raises(OperatorFault) as fault:
        async with phones("pigeon://loft-7", services.ntfy, "just words"):
            pass
    assert str(fault.value).startswith("people.dana.page (1) and people.dana.page (3): Apprise does not")
    assert "loft" not in str(fault.value)
    assert "\n" not in str(fault.value)


async def test_a_phone_keeps_what_it_got(services: Services) -> None:
    async with phones(services.ntfy) as made:
        ref = await made.post(DANA, PAGE, None, "one")
        await made.update(ref, Notice(("Somebody has it.",)))
        assert await made.find(DANA, "one", None, datetime(2026, 3, 20, tzinfo=UTC)) is None
    assert len(services.requests) == 1


def test_a_call_ends_before_delivery_stops_waiting() -> None:
    assert TIMEOUT < SEND_TIMEOUT
