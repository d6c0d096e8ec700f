"""The Home tab: drawn for whoever opens it, with buttons that work from there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.slack.rendering.messages import MOST_IN_HOME, home_view
from adapters.slack.rendering.mrkdwn import MrkdwnRenderer
from bot.model.address import Place
from bot.model.inbound import Answer, Ask, Done, HomeOpened, Inbound, Press, Show
from bot.model.views import Notice, QueueBoard
from demo.slack import Person, View
from demo.slack.limits import check_view, too_large
from sla_core.countdown import Tone
from tests.slack import rules
from tests.slack.conftest import NOON, Workspace
from tests.slack.rendering.test_messages import WORST_BOARD
from tests.slack.samples import BOARD, FORM, PLAIN

DM = Place("slack", "D0BOB", direct=True)


async def tab(workspace: Workspace, person: Person) -> View:
    """What the person has on their Home tab, once they have opened it."""
    before = len(workspace.slack.calls_to("views.publish"))
    await workspace.slack.open_home(person)
    await workspace.slack.until(lambda: len(workspace.slack.calls_to("views.publish")) > before)
    shown = workspace.slack.home_of(person)
    assert shown is not None
    return shown


def words(shown: View) -> str:
    return str(shown.blocks)


async def test_everyone_sees_their_own_board(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    shown = await tab(workspace, workspace.bob)
    [act] = workspace.desk.heard
    assert isinstance(act, HomeOpened)
    assert (act.actor.user.id, act.actor.user.home, act.actor.team) == ("U0BOB", "T0VENDOR", "T0VENDOR")
    assert (act.at, act.place) == (NOON, DM)
    for row in (row for section in BOARD.sections for row in section.rows):
        assert row.key in words(shown)
    assert "As of <!date^" in words(shown)
    assert shown.buttons() == ["Take it", "Get help"]


async def test_it_is_redrawn_each_time_it_is_opened(workspace: Workspace) -> None:
    workspace.desk.answer = Show(replace(BOARD, title="First"))
    first = await tab(workspace, workspace.bob)
    workspace.desk.answer = Show(replace(BOARD, title="Second"))
    second = await tab(workspace, workspace.bob)
    assert ("First" in words(first), "Second" in words(second)) == (True, True)
    assert len({act.key for act in workspace.desk.heard}) == 2


async def test_get_help_works_from_there(workspace: Workspace) -> None:
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


async def test_two_presses_are_two_acts(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    shown = await tab(workspace, workspace.bob)
    workspace.desk.answer = Ask(FORM)
    for _ in range(2):
        await workspace.slack.press(workspace.bob, shown, "Get help")
    presses = [act for act in workspace.desk.heard if isinstance(act, Press)]
    assert len({press.key for press in presses}) == 2


async def test_a_refusal_is_read_above_it(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    shown = await tab(workspace, workspace.bob)
    workspace.desk.answer = Show(Notice(("ACME-7 is yours already.",), Tone.WARN))
    await workspace.slack.press(workspace.bob, shown, "Take it")
    modal = await workspace.slack.until(lambda: workspace.slack.modal_of(workspace.bob))
    assert modal is not None
    assert "ACME-7 is yours already." in words(modal)


async def test_where_no_modal_opens_any_more_it_is_said_directly(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    shown = await tab(workspace, workspace.bob)
    workspace.desk.answer = Ask(FORM)
    workspace.slack.fail_next("views.open", error="expired_trigger_id", times=2)
    await workspace.slack.press(workspace.bob, shown, "Get help")
    [told] = await workspace.slack.until(lambda: workspace.slack.dms(workspace.bob))
    assert "please try again" in workspace.slack.text_of(told)


async def test_what_was_done_there_is_seen_there(workspace: Workspace) -> None:
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


async def test_other_tabs_are_none_of_ours(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    await workspace.slack.open_home(workspace.bob, "messages")
    assert (workspace.desk.heard, workspace.slack.home_of(workspace.bob)) == ([], None)


async def test_the_page_of_somebody_elses_workspace_is_left_alone(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    await workspace.slack.open_home(workspace.ann)
    assert (workspace.desk.heard, workspace.slack.home_of(workspace.ann)) == ([], None)


async def test_a_page_that_another_installation_drew_is_left_alone(workspace: Workspace) -> None:
    drawn = {"app_installed_team_id": "T0ACME", "team_id": "T0ACME"}
    event = {"type": "app_home_opened", "user": "U0ANN", "channel": "D0ANN", "tab": "home", "view": drawn}
    ack = await workspace.slack.event(event)
    assert (ack.status, workspace.desk.heard) == (200, [])


async def test_the_page_of_a_guest_from_elsewhere_that_is_ours_knows_where_they_belong(
    workspace: Workspace,
) -> None:
    drawn = {"app_installed_team_id": "T0VENDOR", "team_id": "T0ACME"}
    event = {"type": "app_home_opened", "user": "U0ANN", "channel": "D0ANN", "tab": "home", "view": drawn}
    await workspace.slack.event(event)
    [act] = workspace.desk.heard
    assert isinstance(act, HomeOpened)
    assert act.actor.user.home == "T0ACME"


async def test_where_slack_does_not_take_it_nothing_breaks(workspace: Workspace) -> None:
    workspace.desk.answer = Show(BOARD)
    workspace.slack.fail_next("views.publish", status=429, retry_after=1)
    ack = await workspace.slack.open_home(workspace.bob)
    await workspace.slack.until(lambda: workspace.slack.calls_to("views.publish"))
    assert ack.status == 200
    await tab(workspace, workspace.bob)


async def test_an_answer_in_words_stands_there_as_well(workspace: Workspace) -> None:
    workspace.desk.answer = Show(Notice(("Please try again in a minute.",), Tone.WARN))
    assert "Please try again in a minute." in words(await tab(workspace, workspace.bob))


@pytest.mark.parametrize("renderer", [MrkdwnRenderer(), PLAIN], ids=["tokens", "plain"])
@pytest.mark.parametrize(
    "board", [BOARD, WORST_BOARD, QueueBoard("Queue", NOON, ())], ids=["sample", "worst", "empty"]
)
def test_slack_takes_every_page(board: QueueBoard, renderer: MrkdwnRenderer) -> None:
    drawn = home_view(board, renderer, DM)
    rules.check_blocks(drawn["blocks"], MOST_IN_HOME)
    assert check_view(drawn) == []
    assert not too_large(drawn)


def test_a_page_holds_more_than_a_message_and_owns_up_to_the_rest() -> None:
    [section, *_] = BOARD.sections
    rows = tuple(replace(section.rows[0], key=f"ACME-{number}") for number in range(150))
    board = replace(BOARD, sections=(replace(section, rows=rows, more=1000),))
    blocks = home_view(board, MrkdwnRenderer(), DM)["blocks"]
    shown = sum("accessory" in block for block in blocks)
    assert 50 < shown < 100
    assert len(blocks) in (99, 100)
    assert f"… and {1150 - shown:,} more" in str(blocks)
