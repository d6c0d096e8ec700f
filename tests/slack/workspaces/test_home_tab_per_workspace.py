"""The Home tab where the app is installed in several workspaces: each is drawn by its own."""

from __future__ import annotations

import pytest

from bot.model.inbound import Ask, HomeOpened, Press, Show
from demo.slack import FakeSlack, Person
from tests.samples import BOARD, FORM
from tests.slack.workspaces.test_workspaces import SeveralWorkspaces, several

__all__ = ["several"]


@pytest.mark.parametrize("name", ["acme", "vendor"])
async def test_each_workspace_draws_its_own_peoples_page(several: SeveralWorkspaces, name: str) -> None:
    slack: FakeSlack = getattr(several, name)
    person: Person = several.ann if name == "acme" else several.bob
    other = several.vendor if name == "acme" else several.acme
    several.installable.desk.answer = Show(BOARD)
    for _ in range(2):
        await slack.open_home(person)
    shown = await slack.until(lambda: slack.home_of(person))
    await slack.until(lambda: len(slack.calls_to("views.publish")) == 2)
    assert shown is not None
    assert other.calls_to("views.publish") == []
    assert {act.actor.team for act in several.installable.desk.heard if isinstance(act, HomeOpened)} == {
        slack.workspace.team_id
    }

    several.installable.desk.answer = Ask(FORM)
    await slack.press(person, shown, "Get help")
    press = several.installable.desk.heard[-1]
    assert isinstance(press, Press)
    assert press.place.direct
    assert slack.modal_of(person) is not None
    assert other.calls_to("views.open") == []
