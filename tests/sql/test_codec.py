"""What is stored can be read: all of it, by this version and by every later one."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sql.tables import (
    EPOCH,
    EVENTS,
    Codec,
    UnknownKind,
    Unreadable,
    instant,
    message_body_of,
    message_body_text,
    micros,
    recipient_of,
    recipient_text,
)
from bot.model.address import Place, UserRef
from bot.model.views import Notice
from bot.ports import Card
from sla_core.events import Event
from tests.sql.samples import NOON

GOLDEN = Path(__file__).with_name("golden")

INSTANTS = st.timedeltas(timedelta(0), timedelta(days=50_000)).map(lambda since: EPOCH + since)
st.register_type_strategy(datetime, INSTANTS)
st.register_type_strategy(timedelta, st.timedeltas(timedelta(0), timedelta(days=4000)))


@given(st.one_of(*map(st.from_type, get_args(Event))))
def test_events_survive_a_round_trip(event: Event) -> None:
    back = EVENTS.value(EVENTS.kind(event), EVENTS.text(event))
    assert back == event
    assert type(back) is type(event)
    instants = [value for each in fields(back) if isinstance(value := getattr(back, each.name), datetime)]
    assert {at.tzinfo for at in instants} == {UTC}, "pydantic's own is ten times as slow to compare"


@given(st.from_type(Card) | st.from_type(Notice))
def test_messages_survive_a_round_trip(say: Card | Notice) -> None:
    assert message_body_of(message_body_text(say)) == say


@given(st.from_type(Place) | st.from_type(UserRef))
def test_recipients_survive_a_round_trip(to: Place | UserRef) -> None:
    assert recipient_of(recipient_text(to)) == to


@given(INSTANTS)
def test_instants_survive_a_round_trip(at: datetime) -> None:
    assert instant(micros(at)) == at


def test_an_instant_with_an_impossible_year_is_unreadable() -> None:
    stored = '{"at": "0001-01-01T00:00:00+05:00", "by": {"id": "slack:T1:U1", "name": "Ann"}}'
    with pytest.raises(Unreadable, match="is out of range"):
        EVENTS.value("Closed", stored)


def test_instants_need_a_zone() -> None:
    with pytest.raises(TypeError):
        micros(NOON.replace(tzinfo=None))


def golden(name: str) -> list[dict[str, Any]]:
    stored: list[dict[str, Any]] = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    return stored


def test_the_golden_events_are_one_of_each_kind() -> None:
    assert sorted(row["kind"] for row in golden("events.json")) == sorted(
        cls.__name__ for cls in get_args(Event)
    )


@pytest.mark.parametrize("row", golden("events.json"), ids=lambda row: row["kind"])
def test_stored_events_are_readable_for_ever(row: dict[str, Any]) -> None:
    event = EVENTS.value(row["kind"], json.dumps(row["body"]))
    assert is_still_in(row["body"], json.loads(EVENTS.text(event)))


def is_still_in(stored: Any, written: Any) -> bool:
    """Whether everything stored is written again; keys of later releases may be there too, at any depth."""
    match stored, written:
        case dict(), dict():
            return all(key in written and is_still_in(value, written[key]) for key, value in stored.items())
        case list(), list():
            return len(stored) == len(written) and all(map(is_still_in, stored, written))
        case _:
            return bool(stored == written)


@pytest.mark.parametrize("row", golden("messages.json"), ids=lambda row: row["body"]["kind"])
def test_stored_messages_are_readable_for_ever(row: dict[str, Any]) -> None:
    said = json.loads(message_body_text(message_body_of(json.dumps(row["body"]))))
    to = json.loads(recipient_text(recipient_of(json.dumps(row["recipient"]))))
    assert row["body"].items() <= said.items()
    assert row["recipient"].items() <= to.items()


def test_an_unknown_kind_is_named_in_the_error() -> None:
    with pytest.raises(UnknownKind, match='unknown event "Teleported"; update Frontline'):
        EVENTS.value("Teleported", "{}")
    with pytest.raises(UnknownKind, match='unknown message "Hologram"'):
        message_body_of('{"kind": "Hologram"}')
    with pytest.raises(UnknownKind, match='unknown part of a text "Blink"'):
        message_body_of('{"kind": "Notice", "text": [{"kind": "Blink", "text": "x"}]}')
    with pytest.raises(UnknownKind, match='unknown event "str"'):
        EVENTS.text("not an event")


@dataclass(frozen=True)
class Grown:
    """A class that had only `old` when its rows were written."""

    old: str
    new: tuple[int, ...] = (1,)


def test_a_field_added_later_reads_old_rows() -> None:
    assert Codec("test", (Grown,)).value("Grown", '{"old": "x"}') == Grown("x", (1,))


def test_a_decoding_error_names_the_place_but_no_customer_text() -> None:
    """It ends up in the log, which holds no customer's words."""
    words = "my password is hunter2"
    with pytest.raises(Unreadable, match=r'"Opened" \(.*at: .*update Frontline') as fault:
        EVENTS.value("Opened", json.dumps({"summary": words, "at": words}))
    assert "hunter2" not in str(fault.value)
    assert fault.value.__suppress_context__
    with pytest.raises(Unreadable) as fault:
        EVENTS.value("Opened", words)
    assert "hunter2" not in str(fault.value)
    with pytest.raises(Unreadable) as fault:
        message_body_of(json.dumps({"kind": "Notice", "text": [words], "tone": words}))
    assert "hunter2" not in str(fault.value)
