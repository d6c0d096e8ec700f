"""Half-open stretches: what touches does not overlap."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sla_core.calendar import Span
from tests.sla_core.builders import utc

NOON = utc("2026-03-10 12:00")


def span(start: int, end: int) -> Span:
    """A span by minutes after noon."""
    return Span(NOON + timedelta(minutes=start), NOON + timedelta(minutes=end))


spans = st.builds(span, st.integers(0, 60), st.integers(0, 60))


def test_the_start_belongs_to_a_span_and_the_end_does_not() -> None:
    assert NOON in span(0, 1)
    assert NOON + timedelta(minutes=1) not in span(0, 1)


def test_spans_that_touch_share_nothing() -> None:
    assert not span(0, 10) & span(10, 20)
    assert span(0, 10) & span(5, 20) == span(5, 10)


def test_a_span_that_ends_before_it_starts_is_empty() -> None:
    assert not span(10, 0)
    assert span(10, 0).length == timedelta(0)
    assert span(10, 0).minus([]) == []


def test_cutting_leaves_the_rest_in_order() -> None:
    assert span(0, 60).minus([span(40, 50), span(10, 20)]) == [span(0, 10), span(20, 40), span(50, 60)]
    assert span(0, 60).minus([span(0, 60)]) == []
    assert span(0, 60).minus([span(30, 30)]) == [span(0, 60)]
    assert span(0, 60).minus([span(10, 30), span(20, 40)]) == [span(0, 10), span(40, 60)]


@given(spans, st.lists(spans, max_size=6))
def test_what_is_left_is_exactly_what_no_gap_covers(whole: Span, gaps: list[Span]) -> None:
    left = whole.minus(gaps)
    for minute in range(60):
        at: datetime = NOON + timedelta(minutes=minute, seconds=30)
        assert any(at in piece for piece in left) == (at in whole and not any(at in gap for gap in gaps))
    assert all(piece for piece in left)
    assert all(one.end < two.start for one, two in pairwise(left))
