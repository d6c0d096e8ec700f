"""A person who answers the form's questions in a conversation."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field

from bot.model.address import Actor, MessageRef, Place
from bot.model.inbound import Answer, Command, EntryPoint, File, Posted, Press
from bot.model.views import Button, Notice
from tests.harness import ACME, ALICE, DeskInMemory, view_text


@dataclass
class Conversation:
    """A person who answers questions in the thread of their message or in a direct conversation."""

    desk: DeskInMemory
    who: Actor = ALICE
    place: Place = ACME
    thread_root: MessageRef | None = None
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def starts(self, words: str = "") -> Answer:
        """By a mention, and `Answer here`."""
        ref = MessageRef(self.place, f"root-{next(self.numbers)}")
        act = Command("mention", self.desk.clock.now(), self.who, self.place, EntryPoint.MENTION, words, ref)
        asked = await self.desk.answers(act)
        assert getattr(asked, "fallback", None) is not None, asked
        self.thread_root = None if self.place.direct else ref
        return await self.presses("Answer here", asked.fallback)  # type: ignore[union-attr]

    async def presses(self, label: str, on: Notice | None = None, who: Actor | None = None) -> Answer:
        view = on or self.asked
        button = next(
            b for b in view.buttons if b.label.lstrip("✓ ").partition(". ")[2] == label or b.label == label
        )
        return await self.presses_button(button, who)

    async def presses_button(
        self, button: Button, who: Actor | None = None, key: str | None = None
    ) -> Answer:
        now, key = self.desk.clock.now(), key or self.desk.envelope()
        return await self.desk.answers(
            Press(key, now, who or self.who, self.place, None, button.action, button.value)
        )

    async def writes(
        self, text: str, who: Actor | None = None, id: str | None = None, files: tuple[File, ...] = ()
    ) -> Answer:
        ref = MessageRef(self.place, id or f"typed-{next(self.numbers)}")
        now = self.desk.clock.now()
        act = Posted(
            self.desk.envelope(), now, who or self.who, self.place, ref, text, self.thread_root, files=files
        )
        return await self.desk.answers(act)

    @property
    def asked(self) -> Notice:
        """The last question."""
        view = next(s.view for s in reversed(self.desk.posted) if s.to == self.place and s.view.buttons)  # type: ignore[union-attr]
        assert isinstance(view, Notice)
        return view

    @property
    def question(self) -> str:
        """Its first line; above the first question stands what the policy says in the form."""
        lines = view_text(self.asked).splitlines()
        return next((line for line in lines if re.match(r"\d+ of \d+: ", line)), lines[0])

    @property
    def labels(self) -> list[str]:
        return [button.label for button in self.asked.buttons]

    async def answers_all(self) -> None:
        """The policy's own questions, by number: an S3."""
        for number in ("1", "3", "2"):
            await self.writes(number)
