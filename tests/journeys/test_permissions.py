"""Who may do what: unknown people are customers, and customers act on their own account only."""

from __future__ import annotations

from bot.model.address import Place, UserRef
from bot.model.inbound import Press, Show
from bot.model.views import Receipt
from tests.harness import (
    ALICE,
    BOB,
    DANA,
    DESK_FILE_WITH_HOLD,
    NO_CLOCK,
    S1,
    S2,
    SILVER,
    TRIAGE,
    answer_text,
    done,
    person,
)
from tests.journeys.conftest import OpenDesk

NOT_AN_AGENT = "Only agents of m3ter Support can do that on ACME-1."
NOT_YOURS = "Only the customer of ACME-1 and agents of m3ter Support can do that."


async def test_a_customer_cannot_press_agents_buttons_even_in_triage(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    for label in ("Acknowledge", "Take it", "Assign", "Reply", "Change severity", "Update", "Resolve"):
        assert answer_text(await desk.presses(ALICE, label, key)) == NOT_AN_AGENT
    assert await desk.events(key) == ["Opened"]


async def test_an_agents_id_in_another_company_is_a_customer(a_desk: OpenDesk) -> None:
    """People match on platform, home team and user id."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    other_bob = person("Bob", home="T0ELSEWHERE")
    assert answer_text(await desk.presses(other_bob, "Take it", key)) == NOT_AN_AGENT


async def test_an_agent_by_user_group(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    gwen = person("Gwen")
    key = await desk.submits(ALICE, "Bills are slow", S2)
    assert answer_text(await desk.presses(gwen, "Take it", key)) == NOT_AN_AGENT

    desk.chat.groups["S0SUPPORT"] = frozenset({gwen.user})
    await desk.desk.directory.refresh(desk.desk.platforms)

    assert done(await desk.presses(gwen, "Take it", key))


async def test_a_tam_is_an_agent_for_her_own_accounts_only(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    own = await desk.submits(ALICE, "Bills are slow", S2)
    other = await desk.submits(person("Sam", "T0SILVER"), "All is down", S1, SILVER)
    assert done(await desk.presses(DANA, "Take it", own))
    assert answer_text(await desk.presses(DANA, "Take it", other)) == NOT_AN_AGENT.replace("ACME-1", other)


async def test_a_customer_of_another_account_can_change_nothing(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    sam = person("Sam", "T0SILVER")
    for action in ("why", "escalate", "close", "add_details"):
        press = Press(desk.envelope(), desk.clock.now(), sam, SILVER, None, action, key)
        assert answer_text(await desk.answers(press)) == NOT_YOURS
    assert await desk.events(key) == ["Opened"]


async def test_forged_values_are_refused_without_errors(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    await desk.submits(ALICE, "Bills are slow", S2)
    for action, value in (("take", "NOBODY-9"), ("no_such_action", "ACME-1"), ("resolve", "")):
        press = Press(desk.envelope(), desk.clock.now(), BOB, TRIAGE, None, action, value)
        assert answer_text(await desk.answers(press))


async def test_support_in_an_unowned_channel_says_which_setting_is_missing(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    answer = await desk.command(ALICE, Place("slack", "C0LUNCH"))
    assert '"slack:C0LUNCH"' in answer_text(answer)
    assert "channels in frontline.toml" in answer_text(answer)


async def test_support_in_a_direct_message_finds_the_account(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    there = Place("slack", "D0ALICE", direct=True)
    assert "not in a customer's channel" in answer_text(await desk.command(ALICE, there))

    desk.chat.in_channels[ALICE.user.id] = frozenset({Place("slack", "C0ACME")})
    form = await desk.asks_for_help(ALICE, there)
    assert form.fields[0].label == "Summary"

    desk.chat.in_channels[ALICE.user.id] |= {SILVER}
    form = await desk.asks_for_help(ALICE, there)
    assert form.fields[0].label == "Account"


async def test_silver_has_no_chat_but_never_loses_an_emergency(a_desk: OpenDesk) -> None:
    """M3-4, A13: refused in the form with the vendor's own way in; the worst class is taken and logged."""
    desk = await a_desk()
    sam = person("Sam", "T0SILVER")
    form = await desk.asks_for_help(sam, SILVER)

    answer = await desk.sends(sam, form, summary="How do I …?", **NO_CLOCK)
    again = answer.form  # type: ignore[union-attr]
    assert "https://support.m3ter.com/" in " ".join(again.errors.values())
    assert again.fields[0].value == "How do I …?"
    assert await desk.keys() == []

    await desk.sends(sam, form, summary="All is down", **S1)
    ticket = await desk.ticket("SILVERLINE-1")
    assert ticket.opened.exception == "accepted as S1 although the plan Silver does not include chat"


async def test_nobody_is_sent_a_direct_message_under_a_plan_without_tam(a_desk: OpenDesk) -> None:
    """M3-7: warnings and breaches only; an escalation goes to leadership. Pages go to those on call."""
    desk = await a_desk()
    sam = person("Sam", "T0SILVER")
    key = await desk.submits(sam, "All is down", S1, SILVER)
    await desk.presses(BOB, "Acknowledge", key)
    await desk.fast_forward(hours=2)

    def direct() -> list[str]:
        return [m.to.id for m in desk.chat.posted if isinstance(m.to, UserRef) and "/dm/" in str(m.key)]

    assert direct() == []
    await desk.submits_form(sam, "Escalate", key, text="Please hurry")
    assert direct() == ["U0MIA"]


async def test_hold_is_offered_only_if_the_order_form_grants_it(a_desk: OpenDesk) -> None:
    """A25, M3-1: no policy of ours has it; an order form may."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    assert "Hold" not in desk.labels(key, desk.card_view(key).audience.AGENTS)


async def test_an_order_form_overrides_the_plan_and_grants_holds(a_desk: OpenDesk) -> None:
    """M3-1, A25: its 2 hours replace the 4; a hold is announced, moves the deadline, ends with a message."""
    granted = DESK_FILE_WITH_HOLD
    desk = await a_desk(desk_file=granted)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    assert desk.standing(key) == ["less than 2 h left"]

    await desk.fast_forward(minutes=30)
    await desk.submits_form(BOB, "Hold", key, text="waiting for your export")
    assert desk.standing(key) == ["on hold"]
    assert "waiting for your export" in desk.thread(key)[0]

    await desk.fast_forward(hours=3)
    assert desk.standing(key) == ["on hold"]
    why = await desk.presses(ALICE, "Why?", key)
    assert isinstance(why, Show)
    assert isinstance(why.view, Receipt)
    rows = [(row.why, row.counted) for row in why.view.tables[0].rows]
    assert rows == [("open", "30 min"), ("hold: Bob, waiting for your export", "")]
    await desk.writes(ALICE, "Here is the export.", key)

    due = desk.card_view(key).promises[0].due_at
    assert desk.standing(key) == ["less than 2 h left"]
    assert due is not None
    assert f"{due:%H:%M}" == "20:30"
