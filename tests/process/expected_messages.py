"""The messages that a desk owes by its stored histories, and those in Slack, matched by their metadata."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from adapters.slack.rendering.block_kit import MrkdwnRenderer, message_metadata
from adapters.slack.rendering.messages import render_message
from bot.config.directory import Directory
from bot.config.settings import load_desk
from bot.desk import quiet_hours
from bot.model.address import Location, UserRef
from bot.model.views import Audience, Mention, Notice
from bot.notify import cards, recipients, texts
from bot.notify.message_factory import card_key
from bot.ports import Message
from bot.text import UTC_ZONE
from demo.slack import FakeSlack
from demo.slack import Message as Post
from sla_core.events import Breached, Event, Warned
from sla_core.ticket import Ticket, fold

Histories = Mapping[str, tuple[Event, ...]]

KINDS = ("warnings", "breaches", "direct messages", "mentions")
"""What is counted; a direct message that tells of a breach is both."""


OF_THE_MONITOR = ("Frontline is behind: ", "Frontline has caught up. ")
"""Said beside all that tickets owe: a desk that is killed for minutes on end is behind."""


MOST_DAYS = 40
"""A storm lasts fewer simulated days."""


def is_board(slack: FakeSlack, post: Post) -> bool:
    """Whether it is a channel's board, which belongs to no ticket."""
    return slack.text_of(post).startswith("Open tickets")


def mark(key: str) -> str:
    return str(message_metadata(key)["event_payload"]["mark"])


class ExpectedMessages:
    """The histories replayed: who should have heard what."""

    def __init__(self, folder: Path, histories: Histories) -> None:
        self.directory = Directory(load_desk(folder / "frontline.toml"))
        self.tickets = {key: fold(key, events) for key, events in histories.items()}

    def all_messages(self) -> list[Message]:
        """Every message, in each thread in the order in which it was decided; edits are none."""
        return [message for ticket in self.tickets.values() for message in self._messages_of(ticket)]

    def _messages_of(self, ticket: Ticket) -> Iterator[Message]:
        policy = self.directory.policy(ticket.opened.version)
        for message in recipients.messages_of(ticket, ticket.history, policy, self.directory):
            if message.edits is None:
                yield message

    def forecasts(self) -> set[str]:
        """The marks of the TAMs' forecasts and monthly reports, of each person and day of the storm."""
        first = min(ticket.opened.at for ticket in self.tickets.values()).date()
        people = self.directory.settings.people
        days = [first + timedelta(days=number) for number in range(MOST_DAYS)]
        marks = {mark(f"{quiet_hours.TOPIC}/forecast/{person}/{day}") for person in people for day in days}
        months = {f"{day:%Y-%m}" for day in (first - timedelta(days=31), *days)}
        return marks | {
            mark(f"{quiet_hours.TOPIC}/monthly/{account}/{month}/{person}")
            for account in self.directory.settings.accounts
            for month in months
            for person in people
        }

    def count(self, messages: Iterable[Message]) -> Counter[str]:
        """How many there are of each of KINDS."""
        return Counter(kind for message in messages for kind in self._kinds(message))

    def _kinds(self, message: Message) -> Iterator[str]:
        ticket, number, *_ = message.key.split("/")
        event = self.tickets[ticket].history[int(number) - 1] if number.isdigit() else None
        if isinstance(event, Warned):
            yield "warnings"
        if isinstance(event, Breached):
            yield "breaches"
        if isinstance(message.to, UserRef):
            yield "direct messages"
        if isinstance(message.content, Notice) and any(
            isinstance(part, Mention) for part in message.content.text
        ):
            yield "mentions"

    def card_view(
        self, key: str, audience: Audience, slack: FakeSlack, post: Post, customers: Post | None = None
    ) -> str:
        """What a card has to show when nothing runs on it any more, as people read it.

        `customers` is the customer's card, to which the agents' card leads.
        """
        ticket = self.tickets[key]
        policy = self.directory.policy(ticket.opened.version)
        view = cards.card(ticket, policy, self.directory, audience, ticket.history[-1].at)
        if customers is not None:
            domain, ts = slack.workspace.domain, customers.ts.replace(".", "")
            url = f"https://{domain}.slack.com/archives/{customers.channel}/p{ts}"
            view = replace(view, customers_thread=texts.where_the_thread_is(Location(url=url)))
        drawn = render_message(view, MrkdwnRenderer(False, UTC_ZONE))
        return slack.text_of(Post(post.channel, post.ts, post.user, drawn.text, drawn.blocks))


class PostedMessages:
    """What the bot has posted, by its marks."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.posts: dict[str, list[Post]] = defaultdict(list)
        for channel in slack.workspace.channels.values():
            for post in channel.messages:
                if post.metadata and not post.deleted:
                    self.posts[str(post.metadata["event_payload"]["mark"])].append(post)

    def of(self, message: Message) -> list[Post]:
        return self.posts.get(mark(message.key), [])

    def repeated(self) -> dict[str, list[Post]]:
        """What was posted more than once."""
        return {name: posts for name, posts in self.posts.items() if len(posts) > 1}


def delivery_faults(expected: ExpectedMessages, slack: FakeSlack) -> list[str]:
    """What is missing, misplaced, out of order, unasked for or out of date; a line each. Repeats are not."""
    posted_messages, all_messages = PostedMessages(slack), expected.all_messages()
    known = {mark(message.key) for message in all_messages} | expected.forecasts()
    unasked = [posts[0] for name, posts in posted_messages.posts.items() if name not in known]
    lines = [
        f"nobody asked for “{slack.text_of(post)}”"
        for post in unasked
        if "Get help" not in slack.buttons(post)
        if not is_board(slack, post)
        if not any(words in slack.text_of(post) for words in OF_THE_MONITOR)
    ]
    boards = Counter(post.channel for post in unasked if is_board(slack, post))
    lines += [f"{channel} has {number} boards" for channel, number in boards.items() if number > 1]
    last: dict[tuple[str | None, str, int], tuple[str, str]] = {}
    for message in all_messages:
        posts = posted_messages.of(message)
        if not posts:
            lines.append(f"{message.key} was never said")
            continue
        if message.thread is not None:
            roots = {post.ts for post in posted_messages.posts.get(mark(message.thread), [])}
            lines += [f"{message.key} is in no thread of its card" for p in posts if p.thread_ts not in roots]
        lane = (message.thread, str(message.to), int(message.priority))
        before, key = last.get(lane, ("", ""))
        if message.thread and posts[0].ts < before:
            lines.append(f"{message.key} stands before {key}")
        last[lane] = (posts[0].ts, message.key)
    return lines + [line for key in expected.tickets for line in _outdated(expected, posted_messages, key)]


def _outdated(expected: ExpectedMessages, posted_messages: PostedMessages, key: str) -> Iterator[str]:
    slack = posted_messages.slack
    cards_posted = {
        audience: posted_messages.of(
            next(m for m in expected.all_messages() if m.key == card_key(key, audience))
        )
        for audience in Audience
    }
    for audience, posts in cards_posted.items():
        faces = {slack.text_of(post) for post in posts}
        leads_to = cards_posted[Audience.CUSTOMER] if audience is Audience.AGENTS else [None]
        wanted = {
            expected.card_view(key, audience, slack, posts[0], there) for there in leads_to for _ in posts[:1]
        }
        if posts and not faces & wanted:
            yield f"{card_key(key, audience)} shows {faces} instead of {wanted}"
