"""The API as a program uses it: what it reads and does, and what each refusal says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest_asyncio

from adapters.web.api import BURST, LARGEST
from bot.cli.policy.explain import explain
from bot.clock import real_now
from bot.model.api_token import Scope
from bot.model.views import Audience
from sla_core.events import Answered, Opened, Turn
from sla_core.policy import Origin
from tests.harness import ALICE, BOB, S1, S2, S3, SILVER
from tests.web.api_desk import FRIDAY, ApiDesk, api_desk

OPENING = {"account": "acme", "summary": "Bills are late", "details": "Since noon", "answers": S2}


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiDesk]:
    async with api_desk(tmp_path) as found:
        yield found


# Who may come in -----------------------------------------------------------------------------------


async def test_the_api_is_off_until_there_is_a_token(api: ApiDesk) -> None:
    """contract.md: bearer token, off unless one is set."""
    off = await api.get("tickets")
    assert (off.status, off.detail) == (404, "The API is off: frontline token new makes the first token.")
    token = await api.token(scope=Scope.READ)
    assert (await api.get("tickets", token)).body == {"tickets": [], "next_cursor": None}
    for wrong in (None, "frontline_", token[:-1], token[:-1] + "é", "xoxb-1"):
        refused = await api.get("tickets", wrong)
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (await api.get("openapi.json", None)).status == 401
    await api.store.revoke_token("sync")
    await api.token("other", expires_at=real_now() + timedelta(hours=1))
    assert (await api.get("tickets", token)).status == 401, "revoked at once"


async def test_an_expired_token_is_refused(api: ApiDesk) -> None:
    token = await api.token(expires_at=real_now() - timedelta(seconds=1))
    assert (await api.get("tickets", token)).detail == "The token has expired."


async def test_a_token_that_may_only_read_changes_nothing(api: ApiDesk) -> None:
    token = await api.token(scope=Scope.READ)
    refused = await api.post("tickets", OPENING, token)
    assert (refused.status, refused.detail) == (403, "This token may only read.")
    assert await api.desk.keys() == []


async def test_each_token_has_its_own_limit(api: ApiDesk) -> None:
    busy, other = await api.token("busy"), await api.token("other")
    for _ in range(int(BURST)):
        assert (await api.get("accounts", busy)).status == 200
    refused = await api.get("accounts", busy)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert (await api.get("accounts", other)).status == 200
    api.now += 1
    assert (await api.get("accounts", busy)).status == 200


# Reading -------------------------------------------------------------------------------------------


async def test_a_ticket_with_its_clocks_and_events(api: ApiDesk) -> None:
    """The clocks are those of `frontline explain`: the same deadlines and receipts."""
    token = await api.token(scope=Scope.READ)
    key = await api.desk.submits(ALICE, "Bills are late", S2, details="Since noon")
    ticket = (await api.get(f"tickets/{key}", token)).body
    assert ticket["key"] == "ACME-1"
    assert (ticket["account"], ticket["severity"], ticket["state"]) == ("acme", "S2", "open")
    assert (ticket["opened_at"], ticket["next"], ticket["opened_by"]) == (FRIDAY, "we", "Alice")
    assert ticket["due"] == {
        "metric": "first_response",
        "state": "running",
        "due_at": "2026-03-20T19:30:00Z",
    }
    clocks = (await api.get(f"tickets/{key}/clocks", token)).body["clocks"]
    at = api.desk.clock.now()
    for clock, expected in zip(clocks, explain("m3ter", "gold", "S2", at)["clocks"], strict=True):
        assert {name: clock[name] for name in expected} == expected
    events = (await api.get(f"tickets/{key}/events", token, limit=1)).body
    assert [event["kind"] for event in events["events"]] == ["Opened"]
    assert events["events"][0]["event"]["summary"] == "Bills are late"
    assert events["next_after"] is None
    await api.desk.submits_form(BOB, "Reply", key, text="We look into it")
    events = (await api.get(f"tickets/{key}/events", token, after=1)).body["events"]
    assert [(event["seq"], event["kind"]) for event in events] == [(2, "Answered")]
    assert (await api.get(f"tickets/{key}", token)).body["owner"] == "Bob"


async def test_the_list_comes_in_pages_and_with_filters(api: ApiDesk) -> None:
    token = await api.token(scope=Scope.READ)
    for number in range(5):
        await api.desk.submits(ALICE, f"Number {number}", S3 if number % 2 else S2)
        await api.desk.fast_forward(minutes=1)
    await api.desk.submits(ALICE, "All is down", S1, SILVER)
    await api.desk.submits_form(BOB, "Resolve", "ACME-1", text="Restarted")

    async def keys(**query: str) -> list[str]:
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await api.get("tickets", token, **query, **cursor)).body
            found += [ticket["key"] for ticket in page["tickets"]]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    everything = ["SILVERLINE-1", *(f"ACME-{number}" for number in (5, 4, 3, 2, 1))]
    assert await keys() == await keys(limit="1") == await keys(limit="2") == everything
    assert await keys(account="silverline") == ["SILVERLINE-1"]
    assert await keys(state="resolved") == ["ACME-1"]
    assert await keys(state="closed") == []
    assert await keys(severity="S3", limit="1") == ["ACME-4", "ACME-2"]
    assert await keys(opened_before="2026-03-20T15:31:00Z") == ["ACME-1"]
    assert await keys(opened_from="2026-03-20T15:34:00Z", account="acme") == ["ACME-5"]


async def test_wrong_parameters_are_named(api: ApiDesk) -> None:
    token = await api.token(scope=Scope.READ)
    refused = await api.get("tickets", token, limit="0", colour="red", state="done", cursor="x" * 9)
    assert (refused.status, sorted(refused.errors)) == (422, ["colour", "limit", "state.1"])
    for cursor in ("x", "AAAA", "MjAyNi0wMy0yMFQxNTozMDowMCAg", "é"):
        assert (await api.get("tickets", token, cursor=cursor)).errors == {
            "cursor": "is none of ours; begin again without it"
        }
    assert (await api.get("tickets/ACME-9", token)).status == 404
    assert (await api.get("tickets/no%00key/events", token)).status == 404


# Acting --------------------------------------------------------------------------------------------


async def test_a_ticket_is_opened_answered_changed_and_resolved(api: ApiDesk) -> None:
    """The acts are an agent's: the same events, messages and clocks as by the buttons in triage."""
    token = await api.token("acme-sync")
    opened = await api.post("tickets", OPENING, token)
    assert (await api.desk.ticket("ACME-1")).opened.origin is Origin.API
    assert opened.status == 201
    assert opened.body["ticket"]["key"] == "ACME-1"
    assert opened.body["ticket"]["opened_by"] == "acme-sync (API)"
    first = (await api.desk.ticket("ACME-1")).history[0]
    assert isinstance(first, Opened)
    assert (first.by.id, first.by_agent, first.severity) == ("api::acme-sync", True, "S2")

    answered = await api.post("tickets/ACME-1/replies", {"text": "On it", "next": "customer"}, token)
    assert (answered.status, answered.body["next"]) == (201, "customer")
    last = await api.desk.last("ACME-1")
    assert isinstance(last, Answered)
    assert last.next is Turn.CUSTOMER
    assert any("On it" in said and "acme-sync (API)" in said for said in api.desk.thread("ACME-1"))
    (clock,) = (await api.get("tickets/ACME-1/clocks", token)).body["clocks"]
    assert (clock["state"], clock["met_at"]) == ("met", FRIDAY)

    changed = await api.post("tickets/ACME-1/severity", {"severity": "S3", "reason": "One page only"}, token)
    assert (changed.status, changed.body["severity"]) == (200, "S3")
    resolved = await api.post("tickets/ACME-1/resolution", {"text": "Restarted"}, token)
    assert (resolved.status, resolved.body["state"]) == (200, "resolved")
    assert resolved.body["resolution"] == "Restarted"


async def test_more_about_an_open_ticket_is_added_to_it_and_never_opens_another(api: ApiDesk) -> None:
    token = await api.token("acme-sync")
    await api.post("tickets", OPENING, token)
    more = OPENING | {"summary": "Nothing alike at all", "same_as": "ACME-1"}
    added = await api.post("tickets", more, token)
    assert (added.status, added.body["ticket"]["key"]) == (201, "ACME-1")
    assert await api.desk.events("ACME-1") == ["Opened", "CustomerWrote"]
    await api.post("tickets/ACME-1/resolution", {"text": "Restarted"}, token)
    for key in ("ACME-1", "ACME-9"):
        refused = await api.post("tickets", more | {"same_as": key}, token)
        assert refused.status in (404, 422)
    assert await api.desk.keys() == ["ACME-1"]


async def test_the_desks_refusals_are_problems(api: ApiDesk) -> None:
    token = await api.token()
    await api.post("tickets", OPENING, token)
    refused = await api.post("tickets/ACME-1/severity", {"severity": "S2", "reason": "  "}, token)
    assert (refused.status, sorted(refused.errors)) == (422, ["reason", "severity"])
    await api.post("tickets/ACME-1/resolution", {"text": "Done"}, token)
    again = await api.post("tickets/ACME-1/resolution", {"text": "Done"}, token)
    assert again.errors["text"].startswith("ACME-1 is already resolved.")
    missing = await api.post("tickets", OPENING | {"answers": {"request": "incident"}}, token)
    assert set(missing.errors) == {"answers.production", "answers.privacy"}
    wrong = await api.post("tickets", OPENING | {"answers": S2 | {"request": "gift", "size": "XL"}}, token)
    assert set(wrong.errors) == {"answers.size"}
    assert set((await api.post("tickets", OPENING | {"account": "globex"}, token)).errors) == {"account"}
    too_long = await api.post("tickets", OPENING | {"summary": "x" * 201}, token)
    assert set(too_long.errors) == {"summary"}
    assert await api.desk.keys() == ["ACME-1"]


async def test_what_is_no_json_is_refused(api: ApiDesk) -> None:
    token = await api.token()
    headers = {"Content-Type": "application/json"}
    for data, status in ((b"{", 400), (b"[" * 100_000, 400), (b"[]", 422), (b'"\\ud800"', 422)):
        refused = await api.request("POST", "tickets", token, headers, data=data)
        assert refused.status == status
    large = await api.request("POST", "tickets", token, headers, data=b" " * (LARGEST + 1))
    assert large.status == 413
    assert (await api.post("tickets", None, token, data="summary=Bills")).status == 415


async def test_an_idempotency_key_acts_once(api: ApiDesk) -> None:
    token, other = await api.token(), await api.token("other")
    first = await api.post("tickets", OPENING, token, once="k1")
    again = await api.post("tickets", OPENING, token, once="k1")
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await api.desk.keys() == ["ACME-1"]
    refused = await api.post("tickets", OPENING | {"summary": "Else"}, token, once="k1")
    assert (refused.status, refused.detail) == (422, "This Idempotency-Key was used for another request.")
    assert (await api.post("tickets", OPENING, other, once="k1")).body["ticket"]["key"] == "ACME-2"

    # The process died after the act and before its answer was kept.
    reply = {"text": "On it"}
    await api.post("tickets/ACME-1/replies", reply, token, once="k2")
    for name in await api.store.get_all("api-answer"):
        await api.store.delete("api-answer", name)
    assert (await api.post("tickets/ACME-1/replies", reply, token, once="k2")).status == 201
    assert await api.desk.events("ACME-1") == ["Opened", "Answered"]


async def test_a_program_that_owns_a_ticket_is_no_one_to_warn(api: ApiDesk) -> None:
    """MTA-11: it answered first, so it owns the ticket; the warning mentions the first line instead."""
    token = await api.token()
    await api.post("tickets", OPENING | {"answers": S1}, token)
    await api.post("tickets/ACME-1/replies", {"text": "On it"}, token)
    await api.desk.writes(ALICE, "Any news?", "ACME-1")
    assert "@Bob" in api.desk.thread("ACME-1", Audience.AGENTS)[-1]
