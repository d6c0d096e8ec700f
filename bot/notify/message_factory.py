"""Builds the messages about one event: to the customer, to triage, and direct messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from bot.config.directory import DeskDuty, Directory
from bot.config.settings import Account
from bot.config.web import PLATFORM as WEBHOOK_PLATFORM
from bot.model.address import MessageRef, Person, Place, UserRef
from bot.model.api_token import API
from bot.model.views import Audience, Mention, Notice, Part, RichText, SharedFile
from bot.notify import texts
from bot.ports import EventReport, Message, Priority
from sla_core.events import Attachment, Escalated, Event, Who
from sla_core.policy import Policy
from sla_core.promise import Tone
from sla_core.ticket import Ticket, after, fold


def card_key(ticket: str, audience: Audience) -> str:
    """The key of the card in whose thread a ticket's messages are posted."""
    return f"{ticket}/{audience}"


def asked_key(ticket: str) -> str:
    """The key of the message that a ticket was asked from."""
    return f"{ticket}/asked"


_NAMES = "/names/"


def naming(ticket: str, what: str = "") -> str:
    """The end of the key of a message whose text names a ticket that it does not belong to.

    The message links to that ticket's card. `what` is what else the key says.
    """
    return "/".join(filter(None, (_NAMES + ticket, what)))


def named_in(key: str) -> str:
    """The ticket that a message names by its key; empty if it names none."""
    return key.partition(_NAMES)[2].partition("/")[0]


WEBHOOKS = "webhook"
"""The key prefix of messages to webhooks."""


def reports(ticket: Ticket, seq: int, event: Event, directory: Directory) -> Iterator[Message]:
    """What the webhooks get of event `seq`, each in its own lane."""
    for webhook in directory.settings.webhooks:
        if webhook.wants(ticket.opened.account, type(event).__name__):
            yield report(webhook.name, ticket.key, seq)


def report(webhook: str, ticket: str, seq: int, again: str = "") -> Message:
    """One event for one webhook; `again` tells a repetition from the first time.

    It belongs to no ticket, so that nobody is told in its thread of what a program did not take.
    """
    key = "/".join(filter(None, (WEBHOOKS, webhook, ticket, str(seq), again)))
    return Message(key, None, Place(WEBHOOK_PLATFORM, webhook), EventReport(ticket, seq), Priority.REPLY)


@dataclass(frozen=True)
class MessageFactory:
    """One event, with the ticket as it stood right after it."""

    ticket: Ticket
    seq: int
    policy: Policy
    directory: Directory
    previous: Ticket | None = None
    """The ticket right before the event, if it is known; see `before`."""

    def at_event(self, then: Ticket, seq: int) -> MessageFactory:
        """The same for another event; `then` is the ticket right after that one."""
        return replace(self, ticket=then, seq=seq, previous=None)

    @cached_property
    def before(self) -> Ticket:
        """The ticket right before the event, which must not be its Opened event."""
        return self.previous or fold(self.ticket.key, self.ticket.history[: self.seq - 1])

    @cached_property
    def earlier(self) -> tuple[tuple[int, Ticket, Event], ...]:
        """The events before this one, with their numbers and the ticket after each."""
        history = self.ticket.history
        then = fold(self.ticket.key, history[:1])
        found = [(1, then, history[0])]
        for seq, event in enumerate(history[1 : self.seq - 1], start=2):
            then = after(then, [event])
            found.append((seq, then, event))
        return tuple(found)

    @property
    def at(self) -> datetime:
        """The instant of the event."""
        return self.ticket.history[self.seq - 1].at

    @property
    def channel(self) -> Place:
        return self.directory.channel_of(self.ticket)

    @property
    def account(self) -> Account | None:
        return self.directory.settings.accounts.get(self.ticket.opened.account)

    def mention(self, people: Sequence[Person], place: Place) -> list[Part]:
        """Mentions people, except the one whose act this is and those without an account there."""
        return [
            Mention(address, person.name)
            if (address := person.on(place.platform)) and not self._acted(person)
            else person.name
            for person in people
        ]

    def opener(self) -> list[Part]:
        """Mentions the person whose words began the ticket, at the end of a sentence.

        Empty if these are an agent's, or if the event is the opener's own act.
        """
        opener = self.ticket.opener
        return self._mention_who(opener, self.channel) if opener else []

    def responsible(self) -> list[Part]:
        """Mentions the owner, or the first line while nobody owns the ticket; empty for their own act.

        A program that owns it, because it answered first, cannot be mentioned either.
        """
        if self._owner is not None:
            return self._mention_who(self._owner, self.directory.triage_for(self.channel))
        return self.first_line()

    def owner_named(self, owner: Who) -> list[Part]:
        """The person whom a ticket was assigned to: a mention in triage, or their name."""
        mentioned = self._mention_who(owner, self.directory.triage_for(self.channel))
        return mentioned[1:] or [owner.name]

    @property
    def _owner(self) -> Who | None:
        """The person who owns the ticket."""
        owner = self.ticket.owner
        return None if owner is None or UserRef.parse(owner.id).platform == API else owner

    def first_line(self) -> list[Part]:
        """Mentions the person on call first for the first step; empty if that is nobody."""
        first = self.directory.on_duty(self.policy.steps[0].role, self.at)[:1] if self.policy.steps else []
        return self._at_the_end(first, self.directory.triage_for(self.channel))

    def alerted(self, *, tam: bool = True, customer: bool = False) -> list[str]:
        """Who is notified of a breach or an escalation: the owner, else on-call; and the TAM.

        Only people who get a mention, a page or a direct message in the same transaction. For the `customer`,
        with what they are to her.
        """
        owner, responsible = self._owner, ""
        if self.responsible():
            responsible = owner.name if owner else "the on-call agent"
        elif owner is None and self._pages_somebody():
            responsible = "the on-call agent"
        told = [person for person in self._told_now() if tam and person.name != responsible]
        named = (self._to_customer(person) if customer else person.name for person in told)
        return list(dict.fromkeys(filter(None, (responsible, *named))))

    def _to_customer(self, person: Person) -> str:
        """Who of the vendor this is, in words that a customer understands."""
        account = self.account
        if account is not None and account.tam == person.id:
            return f"your account manager {person.name}"
        is_backup = account is not None and account.tam_backup == person.id
        return (
            f"your deputy account manager {person.name}" if is_backup else f"{person.name} of our leadership"
        )

    def _told_now(self) -> Iterator[Person]:
        """Those who get a direct message about the event at once: not in their quiet hours."""
        event, duty = self.ticket.history[self.seq - 1], DeskDuty(self.directory)
        worst = self.policy.severities[self.ticket.severity].pages
        for contact in duty.told_first(self.ticket.opened.account, event.at, isinstance(event, Escalated)):
            person = self.directory.settings.people[contact.person]
            if not self._acted(person) and (worst or not duty.quiet_until(person.id, event.at)):
                yield person

    def _pages_somebody(self) -> bool:
        """Whether the event is an escalation that pages its step at once, and somebody else is on call."""
        event = self.ticket.history[self.seq - 1]
        if not isinstance(event, Escalated) or event.step is None or event.calls_at is not None:
            return False
        on_call = self.directory.on_duty(self.policy.steps[event.step].role, self.at)
        reached = (self.directory.direct_address(person, self.channel.platform) for person in on_call)
        return any(ref and not self._acted(person) for person, ref in zip(on_call, reached, strict=True))

    def _mention_who(self, who: Who, place: Place) -> list[Part]:
        """Mentions them by the account they acted from, or by the one they have on `place`'s platform."""
        user, person = UserRef.parse(who.id), self.directory.person_behind(who)
        if who.id == self.ticket.history[self.seq - 1].by.id or (person and self._acted(person)):
            return []
        if user.platform == place.platform:
            return [" ", Mention(user, who.name)]
        return self._at_the_end([person], place) if person else []

    def _at_the_end(self, people: Sequence[Person], place: Place) -> list[Part]:
        """Their mentions after a blank; empty if nobody can be mentioned there."""
        parts = self.mention(people, place)
        return [" ", *parts] if any(isinstance(part, Mention) for part in parts) else []

    def to_both(
        self,
        text: RichText,
        tone: Tone = Tone.CALM,
        priority: Priority = Priority.STATE,
        what: str = "said",
        effect: int | None = None,
    ) -> Iterator[Message]:
        yield self.to_customer(text, tone, priority, effect, what)
        yield self.to_triage(text, tone, priority, what)

    def to_customer(
        self,
        text: RichText,
        tone: Tone = Tone.CALM,
        priority: Priority = Priority.REPLY,
        effect: int | None = None,
        what: str = "said",
    ) -> Message:
        root = card_key(self.ticket.key, Audience.CUSTOMER)
        return self.reply(self.channel, root, text, tone, priority, f"customer/{what}", effect)

    def answer(self, text: RichText, by: Who) -> Message:
        """An agent's own words for the customer, under the agent's name."""
        message = self.to_customer(text, effect=self.seq)
        assert isinstance(message.content, Notice)
        author = Mention(UserRef.parse(by.id), by.name)
        return replace(message, content=replace(message.content, author=author))

    def files(self, attached: Sequence[Attachment], by: Who) -> Iterator[Message]:
        """Copies of an agent's files for the customer, each a message of its own."""
        root, author = card_key(self.ticket.key, Audience.CUSTOMER), Mention(UserRef.parse(by.id), by.name)
        for number, file in enumerate(attached, start=1):
            if file.id:
                copy, key = SharedFile(file.name, file.id, author), self.key(f"customer/file/{number}")
                yield Message(key, self.ticket.key, self.channel, copy, Priority.REPLY, root)

    def to_triage(
        self,
        text: RichText,
        tone: Tone = Tone.CALM,
        priority: Priority = Priority.REPLY,
        what: str = "said",
    ) -> Message:
        root = card_key(self.ticket.key, Audience.AGENTS)
        triage = self.directory.triage_for(self.channel)
        return self.reply(triage, root, text, tone, priority, f"triage/{what}")

    def asked_from(self) -> Iterator[Message]:
        """The message that the ticket was asked from, whose thread is one of the ticket's from now on."""
        opened, key = self.ticket.opened, self.ticket.key
        if opened.asked_below:
            place = Place.parse(opened.asked_in)
            root = MessageRef(place, opened.asked_below)
            yield Message(asked_key(key), key, place, Notice(()), Priority.STATE, posted=root)
            yield from self.to_asked(texts.asked(key), "told")

    def to_asked(self, text: RichText, what: str) -> Iterator[Message]:
        """A message in the thread that the ticket was asked from, if any; once for each `what`."""
        opened, root = self.ticket.opened, asked_key(self.ticket.key)
        if opened.asked_below:
            place = self.directory.current_address(Place.parse(opened.asked_in))
            yield Message(f"{root}/{what}", self.ticket.key, place, Notice(text), Priority.STATE, root)

    def reply(
        self,
        to: Place,
        root: str,
        text: RichText,
        tone: Tone,
        priority: Priority,
        what: str,
        effect: int | None = None,
    ) -> Message:
        """A message in the thread of one of the ticket's cards."""
        say = Notice(text, tone)
        return Message(self.key(what), self.ticket.key, to, say, priority, root, effect=effect)

    def _acted(self, person: Person) -> bool:
        """Whether the event is this person's own act, on any platform."""
        return self.directory.person_behind(self.ticket.history[self.seq - 1].by) == person

    def key(self, what: str) -> str:
        return f"{self.ticket.key}/{self.seq}/{what}"
