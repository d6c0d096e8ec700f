"""A day of a desk on Slack with a request of every kind in it, to be bent, repeated and held to its shape."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.slack import Channel, Message
from demo.slack.actions.bot_client import Request
from tests.platforms.desk_files import ON_SLACK
from tests.slack.desk_on_slack import ANSWERS, DeskOnSlack, desk_on_slack

TWO_ACCOUNTS = f"""{ON_SLACK}
[[people]]
id = "tess"
name = "Tess"
slack = "U0TESS"

[[accounts]]
id = "beta"
name = "Beta AG"
plan = "gold"
tam = "tess"
channels = ["slack:C0BETA"]
"""
"""Dana is the TAM of Acme, Tess of Beta and nothing else; Bob is an agent."""
SECRET_WORDS = "Xylophonquark"
"""Part of every text that people write. It must not appear in any log."""


@dataclass
class DayOfRequests:
    """The desk afterwards, what it was sent, and the cards that the day left behind."""

    at: DeskOnSlack
    requests: list[Request]
    beta: Channel
    card: Message
    agents_card: Message
    page: Message


@asynccontextmanager
async def day_of_requests(folder: Path, words: str = SECRET_WORDS) -> AsyncIterator[DayOfRequests]:
    """`words` are what everybody writes."""
    summary = f"Bills of {words} are slow"
    async with desk_on_slack(folder, TWO_ACCOUNTS) as at:
        slack = at.slack
        for name in ("Dana", "Tess"):
            at.people[name.lower()] = slack.person(name)
        at.people["other"] = slack.person("Otto", team="T0BETA", real_name="Otto Beta")
        at.acme.members.append("U0DANA")
        at.triage.members += ["U0DANA", "U0TESS"]
        beta = slack.channel("beta", [at.people[name] for name in ("bob", "dana", "tess", "other")])
        card = await _opened(at, summary)
        agents_card, _ = at.ours_in(at.triage)
        await _asked_in_other_ways(at, summary)
        await _customers_buttons(at, card, words)
        page = slack.dms(at.people["dana"])[-1]
        await _pages(at, page)
        await _written(at, card, summary)
        await _homes(at)
        await _agents_buttons(at, agents_card, words)
        await _channels(at)
        await at.settle()
        yield DayOfRequests(at, [ack.request for ack in slack.acks], beta, card, agents_card, page)


async def _opened(at: DeskOnSlack, summary: str) -> Message:
    slack, ines = at.slack, at.people["internal"]
    await slack.command(ines, at.acme, "/support", summary)
    question, answer = next(iter(ANSWERS.items()))
    await slack.choose(ines, question, answer)
    await slack.submit(ines, {})
    assert (await slack.submit(ines, ANSWERS)).sent
    await at.settle()
    return at.ours_in(at.acme)[-1]


async def _asked_in_other_ways(at: DeskOnSlack, summary: str) -> None:
    slack, ines, xenia = at.slack, at.people["internal"], at.people["external"]
    for word in ("list", "status ACME-1", "help"):
        await slack.command(ines, at.acme, "/support", word)
    said = await slack.say(xenia, at.acme, f"{slack.mention} {summary}")
    await at.settle()
    offer = at.ours_in(at.acme)[-1]
    await slack.press(xenia, offer, "Get help")
    await slack.close_modal(xenia)
    await slack.press(xenia, offer, "Answer here")
    await at.settle()
    await slack.say(xenia, at.acme, summary, said)
    await at.settle()
    await slack.react(xenia, said, "ticket")
    await slack.shortcut(ines, said, "ticket_about_message")
    await slack.close_modal(ines)
    await slack.global_shortcut(ines, "get_help")
    await slack.close_modal(ines)
    await slack.say(ines, at.acme, f"support: {summary}", files=["error.log"])
    await slack.say(ines, slack.dm(ines), summary)
    await at.settle()


async def _customers_buttons(at: DeskOnSlack, card: Message, words: str) -> None:
    slack, xenia = at.slack, at.people["external"]
    await slack.press(xenia, card, "Why?")
    for label, field in (("Add details", "Details"), ("Escalate", "Reason")):
        await slack.press(xenia, card, label)
        assert (await slack.submit(xenia, {field: words})).sent
    await at.settle()


async def _agents_buttons(at: DeskOnSlack, card: Message, words: str) -> None:
    slack, bob = at.slack, at.people["bob"]
    await slack.press(bob, card, "Take it")
    for label, values in (
        ("Reply", {"Your reply": words}),
        ("Change severity", {"Severity": "S2", "Reason": words}),
        ("Update", {"What is new": words}),
        ("Resolve", {"What was done": words}),
    ):
        await at.settle()
        await slack.press(bob, card, label)
        assert (await slack.submit(bob, values)).sent
    await at.settle()


async def _pages(at: DeskOnSlack, page: Message) -> None:
    slack, dana = at.slack, at.people["dana"]
    for label in ("I'll call", "Snooze", "Acknowledge", "Delegate"):
        await slack.press(dana, page, label)
    await slack.submit(dana, {"Who takes over": "Bob"})
    await at.settle()


async def _written(at: DeskOnSlack, card: Message, summary: str) -> None:
    slack, ines, xenia = at.slack, at.people["internal"], at.people["external"]
    for who in (ines, xenia, at.people["bob"]):
        said = await slack.say(who, at.acme, summary, card, files=["error.log"])
        await slack.edit(who, said, f"{summary} indeed")
        await slack.delete_message(who, said)
    await slack.verify_url()
    for event in ({"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["U0X"]}}):
        await slack.event(event)
    await at.settle()


async def _channels(at: DeskOnSlack) -> None:
    slack, ines, xenia = at.slack, at.people["internal"], at.people["external"]
    channel = slack.channel("den", [ines], id="C0DEN", bot=False)
    await slack.invite_bot(ines, channel)
    await slack.rename(ines, channel, "cave")
    await slack.archive(ines, channel)
    await slack.unarchive(ines, channel)
    await slack.share(ines, channel, [xenia])
    await slack.unshare(ines, channel, xenia.team_id)
    await slack.change_id(ines, channel, "C0CAVE")
    await slack.remove_bot(ines, channel)
    await slack.member_left(ines, channel)
    await slack.delete_channel(ines, channel)
    await at.settle()


async def _homes(at: DeskOnSlack) -> None:
    slack = at.slack
    for name in ("internal", "bob", "external"):
        await slack.open_home(at.people[name])
    await at.settle()
    ines = at.people["internal"]
    home = slack.home_of(ines)
    assert home is not None
    await slack.press(ines, home, "Get help")
    await slack.close_modal(ines)
    await at.settle()
