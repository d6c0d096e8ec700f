"""Other apps in a ticket's thread: the customer's reach triage, and what our own posts never does."""

from __future__ import annotations

from typing import Any

from bot.model.address import MessageRef
from bot.model.views import Audience
from sla_core.events import Answered, Kind, Turn, Who
from tests.platforms.conftest import Opened
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams
from tests.platforms.story import KEY, Story
from tests.teams.activities import BOT, activity

JIRA: dict[str, Any] = {"user": "U0JIRA", "bot_id": "B0JIRA", "app_id": "A0JIRA", "username": "Acme Jira"}


async def posts(desk: Story, text: str, below: MessageRef, **who: Any) -> None:
    """An app's message on Slack."""
    assert isinstance(desk.customers, OnSlack)
    where = {"channel": below.place.id, "ts": f"{below.id}1", "thread_ts": below.id}
    await desk.customers.slack.event({"type": "message", "text": text, **where, **who})
    await desk.deliver()


async def test_a_customers_app_on_slack_reaches_triage_and_moves_no_clock(opened: Opened) -> None:
    desk = await opened("slack")
    root = desk.card(Audience.CUSTOMER)
    before = await desk.desk.ticket(KEY)
    await posts(desk, "BILL-7 is now <!channel> blocked", root, subtype="bot_message", **JIRA)
    assert desk.words("/triage/")[-1] == "ACME 1 Acme Jira wrote BILL 7 is now channel blocked"
    after = await desk.desk.ticket(KEY)
    assert (after.customers_turn, after.first_answer_at) == (before.customers_turn, None)


async def test_an_app_ends_no_hold(opened: Opened) -> None:
    desk = await opened("slack")
    bob = Who("slack:T0VENDOR:U0BOB", "Bob")
    await desk.desk.change(
        None, KEY, lambda _, __, now: [Answered(now, bob, Kind.REPLY, "Which bills?", next=Turn.CUSTOMER)]
    )
    await posts(desk, "BILL-7 is done", desk.card(Audience.CUSTOMER), **JIRA)
    assert (await desk.desk.ticket(KEY)).customers_turn, "an app has not answered the question"


async def test_what_our_own_app_posts_on_slack_never_comes_back(opened: Opened) -> None:
    """Under its own name, or under an agent's."""
    desk = await opened("slack")
    root = desk.card(Audience.CUSTOMER)
    assert isinstance(desk.customers, OnSlack)
    ours = desk.customers.slack.workspace
    for who in (
        {"user": ours.bot.id, "bot_id": ours.bot_id},
        {"bot_id": ours.bot_id, "subtype": "bot_message", "username": "Bob"},
        {"bot_id": "B0ELSE", "app_id": ours.app_id, "subtype": "bot_message", "username": "Bob"},
    ):
        await posts(desk, "We look into it.", root, **who)
    assert await desk.events() == ["Opened"]


async def test_an_app_in_triage_or_at_top_level_is_not_read(opened: Opened) -> None:
    desk = await opened("slack")
    assert isinstance(desk.customers, OnSlack)
    await posts(desk, "support: all is down", desk.card(Audience.AGENTS), **JIRA)
    await desk.customers.slack.event(
        {"type": "message", "text": "x", "channel": "C0ACME", "ts": "9.1", **JIRA}
    )
    assert await desk.events() == ["Opened"]
    assert len(await desk.desk.store.tickets("acme")) == 1


async def test_apps_on_teams(opened: Opened) -> None:
    desk = await opened("teams")
    on, root = desk.customers, desk.card(Audience.CUSTOMER)
    assert isinstance(on, OnTeams)
    where = on.at("Alice", f"{root.place.id};messageid={root.id}")
    for number, sender in enumerate(({"id": "28:jira", "name": "Acme Jira", "role": "bot"}, {"id": BOT})):
        more = {**where, "id": f"99{number}", "from": dict[str, Any](sender)}
        await on.send(activity(on.microsoft.service, text="BILL-7 is blocked", **more))
    await desk.deliver()
    assert await desk.events() == ["Opened", "CustomerWrote"]
    assert desk.words("/triage/")[-1] == "ACME 1 Acme Jira wrote BILL 7 is blocked"
