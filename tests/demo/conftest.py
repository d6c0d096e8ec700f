from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from demo.slack import Channel, FakeSlack, Person
from tests.demo.tiny_bot import TinyBot


class Clock:
    """A clock that only moves when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Desk:
    slack: FakeSlack
    bot: TinyBot
    clock: Clock
    alice: Person
    bob: Person
    ann: Person
    acme: Channel


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = Clock()
    async with FakeSlack(trigger_clock=clock, deadline=0.5) as slack:
        bot = TinyBot(slack.api_url, slack.bot_token, slack.signing_secret)
        slack.bot_url = await bot.start()
        alice, bob = (
            slack.person("Alice", tz="Europe/Berlin"),
            slack.person("Bob", email="bob@vendor.example"),
        )
        ann = slack.person("Ann", team="T0ACME", real_name="Ann Acme", email="ann@acme.example")
        acme = slack.channel("acme", [alice, bob, ann])
        yield Desk(slack, bot, clock, alice, bob, ann, acme)
        await slack.settle()
        await bot.stop()
