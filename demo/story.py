"""The demo without a browser: one ticket from `/support` to its close, and what each person sees."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from bot.clock import WallClock
from bot.notify.cards import METRIC_NAMES
from bot.ports import Clock
from demo.slack import Channel, FakeSlack, Message, Person
from demo.stage import (
    ALICE,
    BOB,
    BOT_TOKEN,
    DANA,
    SIGNING_SECRET,
    DemoFault,
    Scenario,
    a_local_slack,
    free_port,
    running_desk,
)

WIDTH = 78
SCENE_ENDS = 90.0
"""Seconds of real time to wait for the next step before the demo fails."""
SUMMARY = "Bill generation is very slow since this morning"

Print = Callable[[str], None]


class Story:
    """One run of the story in a fake Slack; prints each step."""

    def __init__(self, slack: FakeSlack, scenario: Scenario, show: Print) -> None:
        self.slack, self.scenario, self.show = slack, scenario, show
        self.alice = slack.person(ALICE[1], id=ALICE[0], tz=str(scenario.zone))
        self.bob = slack.person(BOB[1], id=BOB[0], tz=str(scenario.zone))
        self.dana = slack.person(DANA[1], id=DANA[0], tz="Europe/London")
        self.acme = slack.channel("acme", members=[self.alice, self.bob], id="C0ACME")
        self.triage = slack.channel("triage", members=[self.bob, self.dana], id="C0TRIAGE")
        self.clock: Clock = WallClock()
        """The desk's, once it runs."""

    async def run(self) -> None:
        await self._opens()
        await self._counts_down()
        await self._breaches()
        await self._ends()
        if self.slack.complaints:
            raise DemoFault("Slack would have ignored silently: " + "; ".join(self.slack.complaints))

    async def _opens(self) -> None:
        self._scene(f"Alice types in #acme:  /support {SUMMARY}")
        await self.slack.command(self.alice, self.acme, "/support", SUMMARY)
        modal = self.slack.modal_of(self.alice)
        if modal is None:
            raise DemoFault("no form opened for /support")
        answers: dict[str, str | list[str]] = dict(self.scenario.answers())
        for question in self.scenario.policy.triage.questions:
            given = answers.get(question.id, "")
            for answer in [given] if isinstance(given, str) else given:
                self.show(f"    {question.label}\n      → {question.label_of(answer)}")
        sent = await self.slack.submit(self.alice, answers)
        if sent.action == "update":  # opened, and the form was replaced by advice
            await self.slack.close_modal(self.alice)
        elif not sent.closed:
            raise DemoFault(f"the form was refused: {sent.errors}")
        await self._until(lambda: self._card(self.acme), "the customer's card")
        await self._until(lambda: self._card(self.triage), "the agents' card")
        self._sees(self.alice, "#acme", self._card(self.acme))
        self._sees(self.bob, "#triage", self._card(self.triage))
        await self.slack.press(self.bob, self._card(self.triage), "Acknowledge")
        await self._until(lambda: "seen by Bob" in self._text(self.acme), "Bob's acknowledgement")

    async def _counts_down(self) -> None:
        """Shows three wordings of the same card as its countdown runs."""
        self._scene("Bob acknowledges, and nobody answers; the card in #acme says only what stays true")
        for moment in range(1, 4):
            before = self._promises()
            self.show(f"    {self._simulated_time()}   {' · '.join(before)}")
            if moment < 3:
                await self._until(partial(self._is_reworded, before), "the countdown's next wording")

    async def _breaches(self) -> None:
        if self.scenario.plan.tam:
            await self._until(lambda: self.slack.dms(self.dana), "the warning to the TAM")
            self._scene("Three quarters of the time are spent")
            self._sees(self.dana, "direct message", self.slack.dms(self.dana)[0])
        await self._until(lambda: self._said("We missed"), "the breach")
        await self._until(lambda: any("breached" in line for line in self._promises()), "the breached card")
        self._scene("The promise is broken, and everybody is notified")
        self._sees(self.alice, "#acme, in the ticket's thread", self._said("We missed"))
        self._sees(self.alice, "#acme", self._card(self.acme))
        if self.scenario.plan.tam:
            await self._until(lambda: self._alert("We missed"), "the breach to the TAM")
            self._sees(self.dana, "direct message", self._alert("We missed"))
            await self.slack.press(self.dana, self._alert("We missed"), "Acknowledge")

    async def _ends(self) -> None:
        self._scene("Bob replies, then resolves; Alice closes")
        await self._fill("Reply", "Sorry for the wait: the bill queue was stuck, we restart it now.")
        await self._until(lambda: self._said("Bob replied"), "Bob's reply")
        self._sees(self.alice, "#acme, in the ticket's thread", self._said("Bob replied"))
        await self._fill("Resolve", "The queue runs again and every bill of today is out.")
        await self._until(lambda: self._said("resolved this ticket"), "the resolution")
        self._sees(self.alice, "#acme, in the ticket's thread", self._said("resolved this ticket"))
        await self._until(lambda: "Close" in self.slack.buttons(self._card(self.acme)), "the Close button")
        await self.slack.press(self.alice, self._card(self.acme), "Close")
        await self._until(lambda: self._said("closed this ticket"), "the end")
        await self._until(lambda: "Reopen" in self.slack.buttons(self._card(self.acme)), "the closed card")
        self._sees(self.alice, "#acme", self._card(self.acme))

    async def _fill(self, label: str, text: str) -> None:
        await self.slack.press(self.bob, self._card(self.triage), label)
        sent = await self.slack.submit(self.bob, {"text": text})
        if not sent.closed:
            raise DemoFault(f"{label} was refused: {sent.errors}")

    def _card(self, channel: Channel) -> Message:
        """Returns the ticket's card. Raises LookupError until it is posted, which `_until` waits for."""
        found = [message for message in self.slack.messages(channel) if "ACME-1" in message.text]
        if not found:
            raise LookupError(channel.name)
        return found[0]

    def _alert(self, words: str) -> Message:
        """Dana's last direct message with these words: it comes again until she answers."""
        for message in reversed(self.slack.dms(self.dana)):
            if words in self.slack.text_of(message):
                return message
        raise LookupError(words)

    def _said(self, words: str) -> Message:
        for message in self.slack.thread(self._card(self.acme)):
            if words in self.slack.text_of(message):
                return message
        raise LookupError(words)

    def _text(self, channel: Channel) -> str:
        return self.slack.text_of(self._card(channel))

    def _promises(self) -> list[str]:
        lines = [line.strip() for line in self._text(self.acme).splitlines()]
        return [line for line in lines if any(f"{name}  " in line for name in METRIC_NAMES.values())]

    def _is_reworded(self, before: list[str]) -> bool:
        return self._promises() != before

    async def _until(self, question: Callable[[], object], what: str) -> None:
        def found() -> object:
            try:
                return question()
            except LookupError:
                return None

        try:
            await self.slack.until(found, timeout=SCENE_ENDS)
        except TimeoutError:
            raise DemoFault(f"{what} did not come within {SCENE_ENDS:g} s") from None

    def _simulated_time(self) -> str:
        rounded = self.clock.now().astimezone(self.scenario.zone) + timedelta(seconds=30)
        return f"{rounded:%a %H:%M}"

    def _scene(self, title: str) -> None:
        self.show(f"\n== {title}")

    def _sees(self, person: Person, where: str, message: Message) -> None:
        self.show(f"\n  {person.real_name} sees, {where}:")
        for line in self.slack.text_of(message, person.tz).splitlines():
            for piece in textwrap.wrap(line, WIDTH - 6) or [""]:
                self.show(f"    │ {piece}".rstrip())


async def play(vendor: str, speed: float, folder: Path, show: Print) -> None:
    """Runs the story once. Raises DemoFault if a step does not happen."""
    scenario = Scenario.of(vendor)
    port = free_port()
    async with FakeSlack(
        bot_url=f"http://127.0.0.1:{port}/slack/events",
        signing_secret=SIGNING_SECRET,
        bot_token=BOT_TOKEN,
        commands=["/support"],
    ) as slack:
        story = Story(slack, scenario, show)
        title = f"{scenario.policy.name}, plan {scenario.plan.name}: one {scenario.severity.id}"
        show(f"{scenario.begins:%A, %H:%M} in {scenario.zone}. {title}, {speed:g} times as fast")
        file, slack_here = scenario.desk_file(vendor), a_local_slack(slack.api_url)
        async with running_desk(scenario, folder, file, port, speed, slack_here) as story.clock:
            await story.run()
