"""One ticket on two platforms: what either side says or does appears on the other."""

from __future__ import annotations

from bot.model.address import Actor, Place, UserRef
from bot.model.views import Audience
from tests.desk_file import TEAMS_ACME, TEAMS_TRIAGE, account, chat, desk_file, entra, person
from tests.harness import BOB, DANA, S2, TRIAGE, DeskInMemory, answer_text
from tests.journeys.conftest import OpenDesk

CUSTOMERS = Place("teams", "19:acme@thread.tacv2")
AGENTS = Place("teams", "19:triage@thread.tacv2")
TENANT = "tenant-vendor"
YUKI = Actor(UserRef("teams", "tenant-acme", "yuki"), TENANT, "Yuki")
TEAMS_BOB = Actor(UserRef("teams", TENANT, entra("bob")), TENANT, "Bob")

BOTH_BOBS = person("bob", ["slack", "teams"])
ROTAS = {"first_line": ["bob"], "second_line": ["bob"]}
CUSTOMER_ON_TEAMS = desk_file(
    chats=[chat("slack", "C0TRIAGE", ["U0BOB"]), chat("teams", agents=[entra("bob")])],
    rotas=ROTAS,
    people=["dana"],
    accounts=[account(channel=f"teams:{TEAMS_ACME}"), BOTH_BOBS],
)
CUSTOMER_ON_SLACK = desk_file(
    chats=[chat("slack"), chat("teams", TEAMS_TRIAGE)],
    rotas=ROTAS,
    people=["dana"],
    accounts=[account(), BOTH_BOBS],
)


async def both(a_desk: OpenDesk, desk_file: str) -> DeskInMemory:
    return await a_desk(desk_file=desk_file, platforms=("slack", "teams"))


async def test_opened_in_teams_and_resolved_from_slack(a_desk: OpenDesk) -> None:
    desk = await both(a_desk, CUSTOMER_ON_TEAMS)
    key = await desk.submits(YUKI, "Bills are slow", S2, CUSTOMERS)
    assert desk.card(key, Audience.CUSTOMER).to == CUSTOMERS
    assert desk.card(key, Audience.AGENTS).to == TRIAGE

    await desk.presses(BOB, "Acknowledge", key)
    assert desk.card_view(key).owner == "unassigned, seen by Bob"
    await desk.writes(YUKI, "It got worse.", key)
    assert desk.thread(key, Audience.AGENTS)[-1] == "ACME-1 Yuki wrote: “It got worse.”  @Bob"

    await desk.fast_forward(hours=5)
    assert "We missed" in desk.thread(key)[-1]
    assert "We missed" in desk.thread(key, Audience.AGENTS)[-1]
    assert {message.ref.place.platform for message in desk.direct(DANA)} == {"slack"}
    assert [said.text.count("We missed") for said in desk.direct(DANA)] == [0, 0, 1, 1]

    await desk.submits_form(BOB, "Reply", key, text="Sorry, here now.")
    assert desk.thread(key)[-1] == "ACME-1 Bob replied: “Sorry, here now.”  @Yuki"
    await desk.submits_form(BOB, "Resolve", key, text="Queue restarted.")
    assert desk.card_view(key).state == "resolved"
    await desk.presses(YUKI, "Close", key)
    assert desk.card_view(key, Audience.AGENTS).state == "closed"


async def test_opened_in_slack_and_resolved_from_teams(a_desk: OpenDesk) -> None:
    desk = await both(a_desk, CUSTOMER_ON_SLACK)
    alice = Actor(UserRef("slack", "T0ACME", "U0ALICE"), "T0VENDOR", "Alice")
    key = await desk.submits(alice, "Bills are slow", S2)
    assert desk.card(key, Audience.AGENTS).to == AGENTS

    await desk.presses(TEAMS_BOB, "Take it", key)
    await desk.submits_form(TEAMS_BOB, "Update", key, text="Found it.")

    assert desk.card_view(key).owner == "Bob"
    assert desk.thread(key) == ["ACME-1 Update from Bob: “Found it.”  @Alice"]
    assert desk.standing(key) == ["met"]


async def test_a_person_of_another_tenant_is_a_customer(a_desk: OpenDesk) -> None:
    desk = await both(a_desk, CUSTOMER_ON_SLACK)
    alice = Actor(UserRef("slack", "T0ACME", "U0ALICE"), "T0VENDOR", "Alice")
    key = await desk.submits(alice, "Bills are slow", S2)
    other_bob = Actor(UserRef("teams", "tenant-elsewhere", entra("bob")), TENANT, "Bob")
    told = answer_text(await desk.presses(other_bob, "Take it", key))
    assert told == f"Only agents of m3ter Support can do that on {key}."
