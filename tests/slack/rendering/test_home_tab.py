"""Slack's Home tab: each person gets their own board, with buttons that work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.slack.rendering.block_kit import MrkdwnRenderer
from adapters.slack.rendering.messages import MOST_IN_HOME, home_view
from bot.model.address import Place
from bot.model.inbound import Answer, Ask, Done, HomeOpened, Inbound, Press, Show
from bot.model.views import Notice, QueueBoard
from demo.slack import Person, View
from demo.slack.limits import check_view, too_large
from sla_core.promise import Tone
from tests.platforms.faces import SLACK
from tests.samples import BOARD, FORM, longest_board
from tests.scripted_desk import NOON
from tests.slack import rules
from tests.slack.conftest import Workspace
from tests.slack.rules import MRKDWN, PLAIN_DATES

DM = Place("slack", "D0BOB", direct=True)


async def tab(workspace: Workspace, person: Person) -> View:
    """Opens the person's Home tab. Returns what it shows."""
    before = len(workspace.slack.calls_to("views.publish"))
    await workspace.slack.open_home(person)
    await workspace.slack.until(lambda: len(workspace.slack.calls_to("views.publish")) > before)
    shown = workspace.slack.home_of(person)
    assert shown is not None
    return shown


def words(shown: View) -> str:
    return str(shown.blocks)


async def test_each_person_sees_their_own_board(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    shown = await tab(workspace, workspace.bob)
    [act] = workspace.desk.heard
    assert isinstance(act, HomeOpened)
    assert (act.actor.user.id, act.actor.user.home, act.actor.team) == ("U0BOB", "T0VENDOR", "T0VENDOR")
    assert (act.at, act.place) == (NOON, DM)
    for row in (row for section in BOARD.sections for row in section.rows):
        assert row.key in words(shown)
    assert "As of <!date^" in words(shown)
    assert shown.buttons() == ["Get help", "Take it"]


async def test_opening_the_tab_draws_it_again(workspace: Workspace) -> None:
    workspace.desk.answer = Show(replace(BOARD, title="First"))
    first = await tab(workspace, workspace.bob)
    workspace.desk.answer = Show(replace(BOARD, title="Second"))
    second = await tab(workspace, workspace.bob)
    assert ("First" in words(first), "Second" in words(second)) == (True, True)
    assert len({act.key for act in workspace.desk.heard}) == 2


async def test_get_help_opens_the_form(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    shown = await tab(workspace, workspace.bob)
    workspace.desk.answer = Ask(FORM)
    await workspace.slack.press(workspace.bob, shown, "Get help")
    press = workspace.desk.heard[-1]
    assert isinstance(press, Press)
    assert (press.action, press.place, press.message) == ("get_help", DM, None)
    assert press.actor.name == "Bob Miller"
    modal = workspace.slack.modal_of(workspace.bob)
    assert modal is not None
    assert modal.title == "Open a ticket with a lo…"


async def test_two_presses_have_different_keys(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    shown = await tab(workspace, workspace.bob)
    workspace.desk.answer = Ask(FORM)
    for _ in range(2):
        await workspace.slack.press(workspace.bob, shown, "Get help")
    presses = [act for act in workspace.desk.heard if isinstance(act, Press)]
    assert len({press.key for press in presses}) == 2


async def test_a_refused_press_opens_a_modal_that_says_why(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    shown = await tab(workspace, workspace.bob)
    workspace.desk.answer = Show(Notice(("You already own ACME-7.",), Tone.WARN))
    await workspace.slack.press(workspace.bob, shown, "Take it")
    modal = await workspace.slack.until(lambda: workspace.slack.modal_of(workspace.bob))
    assert modal is not None
    assert "You already own ACME-7." in words(modal)


async def test_if_no_modal_opens_a_direct_message_says_so(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    shown = await tab(workspace, workspace.bob)
    workspace.desk.answer = Ask(FORM)
    workspace.slack.fail_next("views.open", error="expired_trigger_id", times=2)
    await workspace.slack.press(workspace.bob, shown, "Get help")
    [told] = await workspace.slack.until(lambda: workspace.slack.dms(workspace.bob))
    assert "Please try again" in workspace.slack.text_of(told)


async def test_a_press_redraws_the_tab(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    shown = await tab(workspace, workspace.bob)

    async def taken(act: Inbound) -> Answer:
        return Show(replace(BOARD, title="Taken")) if isinstance(act, HomeOpened) else Done()

    workspace.desk.answer = taken
    await workspace.slack.press(workspace.bob, shown, "Take it")

    def again() -> bool:
        now = workspace.slack.home_of(workspace.bob)
        return now is not None and "Taken" in words(now)

    await workspace.slack.until(again)


async def test_other_tabs_are_ignored(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    await workspace.slack.open_home(workspace.bob, "messages")
    assert (workspace.desk.heard, workspace.slack.home_of(workspace.bob)) == ([], None)


async def test_the_tab_of_a_person_in_another_workspace_is_not_drawn(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    await workspace.slack.open_home(workspace.ann)
    assert (workspace.desk.heard, workspace.slack.home_of(workspace.ann)) == ([], None)


async def test_a_tab_of_another_installation_is_not_drawn(workspace: Workspace) -> None:
    drawn = {"app_installed_team_id": "T0ACME", "team_id": "T0ACME"}
    event = {"type": "app_home_opened", "user": "U0ANN", "channel": "D0ANN", "tab": "home", "view": drawn}
    ack = await workspace.slack.event(event)
    assert (ack.status, workspace.desk.heard) == (200, [])


async def test_a_guest_from_another_workspace_keeps_their_home_team(
    workspace: Workspace,
) -> None:
    drawn = {"app_installed_team_id": "T0VENDOR", "team_id": "T0ACME"}
    event = {"type": "app_home_opened", "user": "U0ANN", "channel": "D0ANN", "tab": "home", "view": drawn}
    await workspace.slack.event(event)
    [act] = workspace.desk.heard
    assert isinstance(act, HomeOpened)
    assert act.actor.user.home == "T0ACME"


async def test_the_tab_is_drawn_next_time_if_slack_refuses_it_now(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    workspace.slack.fail_next("views.publish", status=429, retry_after=1)
    ack = await workspace.slack.open_home(workspace.bob)
    await workspace.slack.until(lambda: workspace.slack.calls_to("views.publish"))
    assert ack.status == 200
    await tab(workspace, workspace.bob)


async def test_a_notice_is_shown_on_the_tab(workspace: Workspace) -> None:
    workspace.desk.answer = Show(Notice(("Please try again in a minute.",), Tone.WARN))
    assert "Please try again in a minute." in words(await tab(workspace, workspace.bob))


@pytest.mark.parametrize("renderer", [MRKDWN, PLAIN_DATES], ids=["tokens", "plain"])
@pytest.mark.parametrize(
    "board",
    [BOARD, longest_board(SLACK.longest_card, 20), QueueBoard("Queue", NOON, ())],
    ids=["sample", "longest", "empty"],
)
def test_slack_accepts_every_board_on_the_tab(board: QueueBoard, renderer: MrkdwnRenderer) -> None:
    drawn = home_view(board, renderer, DM)
    rules.check_blocks(drawn["blocks"], MOST_IN_HOME)
    assert check_view(drawn) == []
    assert not too_large(drawn)


def test_the_tab_holds_more_than_a_message_and_counts_the_rest() -> None:
    [section, *_] = BOARD.sections
    rows = tuple(replace(section.rows[0], key=f"ACME-{number}") for number in range(150))
    board = replace(BOARD, sections=(replace(section, rows=rows, more=1000),))
    blocks = home_view(board, MRKDWN, DM)["blocks"]
    shown = sum("accessory" in block for block in blocks)
    assert 50 < shown < 100
    assert len(blocks) in (99, 100)
    assert f"… and {1150 - shown:,} more" in str(blocks)
