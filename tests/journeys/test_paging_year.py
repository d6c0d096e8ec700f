"""A year of pages: nobody waits in vain, whatever breaks. See paging_year.py and the oracle."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.notify import pages
from bot.notify.message_factory import MessageFactory
from bot.ports import ChatPlatform, Message, Outgoing
from bot.runtime import delivery
from sla_core import engine, paging, ticket
from sla_core.events import THE_CLOCK, Acknowledged, Alerted, Answered, Event, Paged, Resolved, Taken
from sla_core.paging import FIRST, HANDOVER, Chain
from sla_core.policy import Policy
from sla_core.ticket import Ticket
from tests.journeys.paging_year import CALM, DOWN, ROTAS, STORMY, PagingYear, YearSize, year_settings

YEAR, MONTH = YearSize(customers=250), YearSize(customers=24, days=31)
"""A thousand customers at the four vendors."""
SEED = 7


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Thousands of faults would be thousands of lines."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


sizes = pytest.mark.parametrize(
    "size", [MONTH, pytest.param(YEAR, marks=pytest.mark.soak)], ids=["month", "year"]
)
vendors = pytest.mark.parametrize("vendor", [*ROTAS])
Record = Callable[[str, object], None]


@sizes
@vendors
def test_crashes_and_outages_change_no_page(
    tmp_path: Path, record_property: Record, vendor: str, size: YearSize
) -> None:
    """MON-16, MON-18, MTA-18, MTA-21, M3-17, M3-19, CUP-4, CUP-14: as in calm, and as the contract says."""
    settings = year_settings(tmp_path, vendor, size.customers)
    calm, stormy = (PagingYear(settings, vendor, SEED, size, weather).run() for weather in (CALM, STORMY))
    assert stormy.pages == calm.pages
    assert stormy.restarts > size.tickets
    assert bool(stormy.handovers) == (vendor == "m3ter"), "the one with a class that is never without owner"
    record_property("report", f"{vendor}: {stormy.report()}")


@sizes
@vendors
def test_pages_that_fell_due_without_a_desk_come_when_it_is_back(
    tmp_path: Path, record_property: Record, vendor: str, size: YearSize
) -> None:
    """MON-18, MTA-21: none is lost, and nobody is paged twice for the time in between."""
    settings = year_settings(tmp_path, vendor, size.customers)
    outcome = PagingYear(settings, vendor, SEED, size, DOWN).run()
    assert outcome.outages > 0
    record_property("report", f"{vendor}, also without a desk: {outcome.report()}")


# The checks can fail --------------------------------------------------------------------------


def spares_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(paging, "_is_spared", lambda *_: False)


def pages_who_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("bot.config.directory.DeskDuty.person_behind", lambda *_: None)


def stops_at_the_last_step(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("bot.config.directory.DeskDuty.last_resort", lambda *_: [])


def ignores_hours(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(paging, "_next_open_step", lambda number, *_: number + 1)


def pages_late(patch: pytest.MonkeyPatch) -> None:
    next_page_at = paging.next_page_at
    patch.setattr(
        engine, "next_page_at", lambda *given: (at := next_page_at(*given)) and at + timedelta(seconds=1)
    )


def goes_on_after_an_answer(patch: pytest.MonkeyPatch) -> None:
    in_hand = ticket._in_hand

    def forgetful(then: Ticket, act: Acknowledged | Taken | Answered | Resolved | Alerted) -> Ticket:
        return ticket._with(in_hand(then, act), answered_escalations=then.answered_escalations)

    patch.setattr(ticket, "_in_hand", forgetful)


def forgets_a_reopening(patch: pytest.MonkeyPatch) -> None:
    of_severity = paging._of_severity

    def forgetful(then: Ticket, policy: Policy) -> Iterator[Chain]:
        return of_severity(ticket._with(then, reopened_unanswered=None), policy)

    patch.setattr(paging, "_of_severity", forgetful)


def hands_nothing_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine, "due_handover", lambda *_: None)


def pages_who_is_relieved(patch: pytest.MonkeyPatch) -> None:
    one_round = paging._round

    def forgetful(chain: Chain, *given: Any) -> Iterator[Paged]:
        return one_round(replace(chain, by=THE_CLOCK) if chain.id.startswith(HANDOVER) else chain, *given)

    patch.setattr(paging, "_round", forgetful)


def escalates_past_who_works_on_it(patch: pytest.MonkeyPatch) -> None:
    """Counts the pages of those who work on it from the start."""
    patch.setattr(paging, "RESOLVER", f"{FIRST} beside ")


def leaves_buttons(patch: pytest.MonkeyPatch) -> None:
    retired = pages.retired

    def some(factory: MessageFactory, event: Event) -> Iterator[Message]:
        return iter([*retired(factory, event)][1:])

    patch.setattr(pages, "retired", some)


def says_it_again(patch: pytest.MonkeyPatch) -> None:
    async def nowhere(platform: ChatPlatform, outgoing: Outgoing) -> None:
        return None

    patch.setattr(delivery, "_find_earlier_try", nowhere)


@pytest.mark.parametrize(
    ("planted", "found", "vendor"),
    [
        (spares_nobody, "should be", "m3ter"),
        (pages_who_asked, "should be", "m3ter"),
        (stops_at_the_last_step, "should be", "m3ter"),
        (ignores_hours, "should be", "monta"),
        (pages_late, "should be", "m3ter"),
        (goes_on_after_an_answer, "should be", "m3ter"),
        (forgets_a_reopening, "should be", "monta"),
        (hands_nothing_over, "should be", "m3ter"),
        (pages_who_is_relieved, "should be", "m3ter"),
        (escalates_past_who_works_on_it, "should be to step", "m3ter"),
        (leaves_buttons, "has buttons, though answered", "m3ter"),
        (says_it_again, "arrives once", "m3ter"),
    ],
)
def test_each_planted_fault_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    planted: Callable[[pytest.MonkeyPatch], None],
    found: str,
    vendor: str,
) -> None:
    planted(monkeypatch)
    size = YearSize(customers=60)
    with pytest.raises(AssertionError, match=found):
        PagingYear(year_settings(tmp_path, vendor, size.customers), vendor, SEED, size, STORMY).run()
