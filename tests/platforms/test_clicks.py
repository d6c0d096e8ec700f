"""What docs/clicks.md says the common jobs cost, done by people in Slack (contract.md, "Where it leads")."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.model.address import MessageRef
from bot.model.views import Audience
from demo.slack import Message, View
from demo.slack.view import menu_options, without_emoji
from tests.config.test_saved_replies import written
from tests.platforms.conftest import Opened
from tests.platforms.on_slack import OnSlack
from tests.platforms.story import KEY, S2, Story
from tests.platforms.test_links import address

DOCUMENT = Path(__file__).parents[2] / "docs" / "clicks.md"
SECONDS = {"M": 1.35, "C": 1.3, "K": 0.28, "H": 0.4}
"""Of the keystroke-level model: to decide, to click, to type a letter, to reach for keyboard or mouse."""
LISTS = ("static_select", "multi_static_select", "external_select", "users_select")


def table() -> list[list[str]]:
    """The rows of the document's table of jobs."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if len(row) == 8 and row[1].isdigit()]


@dataclass
class Mouse:
    """One person's, who counts: `M` for each decision, `C` for each click. Words are typed for nothing."""

    on: OnSlack
    who: str
    decisions: int = 0
    clicks: int = 0

    @property
    def operators(self) -> str:
        return " ".join(f"{n}{sign}" for n, sign in ((self.decisions, "M"), (self.clicks, "C")) if n) or "–"

    def _counts(self, clicks: int = 1) -> None:
        self.decisions += 1
        self.clicks += clicks

    async def presses(self, label: str, where: Message | View) -> None:
        """A button, or a choice in a menu, which has to be opened first."""
        menus = [without_emoji(option["text"]["text"]) for _, _, option in menu_options(where.blocks)]
        self._counts(2 if label in menus else 1)
        await self.on.slack.press(self.on.people[self.who], where, label)

    async def sends(self, choices: dict[str, Any], **typed: str) -> None:
        """Makes the choices one by one, types, and presses the button that sends."""
        person = self.on.people[self.who]
        for name, value in choices.items():
            view = self.on.slack.modal_of(person)
            assert view is not None
            self._counts(2 if view.input(name).kind in LISTS else 1)
            await self.on.slack.choose(person, name, value)
            await self.on.ours.settle()
        self._counts()
        sent = await self.on.slack.submit(person, typed)
        assert not sent.errors
        await self.on.ours.settle()

    def follows(self, blocks: list[Any], to: MessageRef) -> None:
        """A link to a message that stands in what is shown."""
        assert address(to) in str(blocks)
        self._counts()


@dataclass
class Day:
    """The jobs of one ticket, in the order of a day; what each of them took."""

    story: Story
    on: OnSlack
    took: dict[str, str] = field(default_factory=dict)

    def mouse(self, who: str) -> Mouse:
        return Mouse(self.on, who)

    def card(self, audience: Audience = Audience.AGENTS) -> Message:
        return self.on.message(self.story.card(audience))

    async def done(self, job: str, mouse: Mouse) -> None:
        await self.story.deliver()
        self.took[job] = mouse.operators


@pytest.fixture
async def day(opened: Opened, tmp_path: Path) -> Day:
    written(tmp_path, thanks="# Say thanks\nThank you, {customer}.")
    story = await opened("slack")
    assert isinstance(story.customers, OnSlack)
    return Day(story, story.customers)


async def choice_of(on: OnSlack, who: str, shown: str) -> str:
    """The value of a choice in the open form, by what it shows."""
    view = on.slack.modal_of(on.people[who])
    assert view is not None
    options = view.input("agent").all_options
    [value] = [option["value"] for option in options if option["text"]["text"] == shown]
    return str(value)


async def a_day(day: Day) -> None:
    story, on = day.story, day.on
    alice = day.mouse("Alice")
    await on.slack.open_home(on.people["Alice"])
    await on.ours.settle()
    home = on.slack.home_of(on.people["Alice"])
    assert home is not None
    await alice.presses("Get help", home)
    await alice.sends(dict(S2), summary="Exports are empty")
    await day.done("open a ticket", alice)
    assert len(await story.desk.store.tickets("acme")) == 2

    bob = day.mouse("Bob")
    await bob.presses("Reply", day.card())
    await bob.sends({}, text="We look into it.")
    await day.done("first answer", bob)
    assert story.words("/customer/")[-1:] == ["ACME 1 Bob replied We look into it Alice"]

    await story.writes("Alice", "Only the bills of May")
    bob = day.mouse("Bob")
    assert "Only the bills of May" in on.slack.text_of(day.card())
    await day.done("read the customer's last words", bob)

    bob = day.mouse("Bob")
    bob.follows(day.card().blocks, story.card(Audience.CUSTOMER))
    await day.done("go to the customer's thread", bob)

    await on.slack.open_home(on.people["Bob"])
    await on.ours.settle()
    rows = on.slack.home_of(on.people["Bob"])
    assert rows is not None
    bob = day.mouse("Bob")
    bob.follows(rows.blocks, story.card(Audience.AGENTS))
    await day.done("queue row to ticket", bob)

    bob = day.mouse("Bob")
    await bob.presses("Change severity", day.card())
    await bob.sends({"severity": "S3"}, text="One customer's bills only.")
    await day.done("change severity", bob)
    assert (await story.desk.ticket(KEY)).severity == "S3"

    bob = day.mouse("Bob")
    await bob.presses("Reply", day.card())
    await bob.sends({"saved_reply": "thanks"})
    await day.done("reply with a saved text", bob)
    assert "Thank you Alice" in story.words("/customer/")[-1]

    bob = day.mouse("Bob")
    await bob.presses("Assign", day.card())
    await bob.sends({"agent": await choice_of(on, "Bob", "Eve")})
    await day.done("hand to a colleague", bob)
    owner = (await story.desk.ticket(KEY)).owner
    assert owner is not None
    assert owner.name == "Eve"

    await story.agent("Escalate", "Please call them.")
    [alert] = story.refs("/dm/dana")
    dana = day.mouse("Dana")
    dana.follows(on.message(alert).blocks, story.card(Audience.AGENTS))
    await day.done("direct message to ticket", dana)


async def test_the_jobs_take_what_the_document_says(day: Day) -> None:
    await a_day(day)
    rows = {row[0]: row for row in table()}
    assert day.took == {job: row[2] for job, row in rows.items()}


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in table()])
def test_clicks_and_seconds_follow_from_the_operators(row: list[str]) -> None:
    for clicks, operators, seconds in (row[1:4], row[4:7]):
        counts = {sign: int(n) for n, sign in re.findall(r"(\d+)([MCKH])", operators)}
        assert int(clicks) == counts.get("C", 0)
        assert int(seconds) == round(sum(SECONDS[sign] * n for sign, n in counts.items()))
