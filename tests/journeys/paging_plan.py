"""What people do on the tickets of a year of pages: a plan for each ticket, made by dice alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from bot.model.address import Actor, MessageRef, Place
from bot.model.inbound import Inbound, Posted, Press, Submission
from sla_core.policy import Policy
from sla_core.ticket import Ticket
from tests.harness import TRIAGE, PostedMessage, person

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE = ("bob", "eve", "ned", "kim", "oli", "mia", "lee", "dana", "tom")
SPECIAL_DAYS = (
    *(datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 8), (3, 29), (10, 25), (11, 1))),
    *(
        datetime(2026, month, day, tzinfo=UTC)
        for month, day in ((5, 1), (7, 3), (11, 26), (12, 24), (12, 25))
    ),
)
"""When the clocks change in America and in Europe, and holidays."""


def begins(random: Random, days: int) -> datetime:
    """When a ticket is opened: at any instant, on a special day, or on a weekend's night."""
    luck = random.random()
    special = [day for day in SPECIAL_DAYS if day < BEGIN + (days - 2) * DAY]
    if luck < 0.2 and special:
        return random.choice(special) + random.uniform(0, 26) * HOUR
    at = BEGIN + random.uniform(0, days - 2) * DAY
    if luck < 0.4:
        saturday = at + (5 - at.weekday()) * DAY
        return max(BEGIN, saturday.replace(hour=22)) + random.uniform(0, 8) * HOUR
    return at


Act = Callable[[Ticket | None], Inbound]


@dataclass
class Life:
    """A ticket's plan: what people do, one after the other, each some time after the one before."""

    number: int
    account: str
    policy: Policy
    random: Random
    posted: Callable[[str], PostedMessage | None]
    key: str = ""
    _acts: int = 0

    def steps(self) -> Iterator[tuple[timedelta, Act, bool]]:
        """How long after the last act, and whether to wait for the hours of a step that is to be paged."""
        yield timedelta(0), self._opens, False
        for episode in range(self.random.choice((1, 1, 2, 3))):
            if episode:
                yield HOUR * self.random.uniform(0.5, 12), self.random.choice(self._beginnings()), False
            for _ in range(self.random.choice((0, 0, 0, 1, 1, 2, 3))):
                yield MINUTE * self.random.uniform(0.1, 20), self.random.choice(self._meanwhile()), False
            yield self._thinks(), self.random.choice(self._answers()), self.random.random() < 0.7
            yield MINUTE * self.random.uniform(1, 45), self._on_page("page_acknowledge"), False
            if self._is_handed_over() and self.random.random() < 0.3:
                yield MINUTE, self._first_paged_takes, False
                yield HOUR * self.random.uniform(1, 8), self._on_page("take"), False
        yield MINUTE * 5, self._form("reply", "bob", text="All is well now"), False
        yield MINUTE * 5, self._form("resolve", "eve", text="Restarted"), False
        yield HOUR, self._form("close", "alice"), False

    def _is_handed_over(self) -> bool:
        """Whether the vendor has a class that passes to the next person at the end of a turn."""
        return any(severity.staffed for severity in self.policy.severities.values())

    def _thinks(self) -> timedelta:
        """Before somebody answers; at times at the very instant of a page."""
        luck = self.random.random()
        if luck < 0.1:
            return MINUTE * 5 * self.random.randint(1, 8)
        if luck < 0.7:
            return MINUTE * self.random.uniform(0.5, 20)
        if luck < 0.9:
            return MINUTE * self.random.uniform(20, 90)
        return HOUR * (self.random.uniform(1.5, 5) if luck < 0.99 else self.random.uniform(5, 14))

    def _beginnings(self) -> list[Act]:
        """What may have people paged."""
        return [
            self._form("escalate", self._agent(), text="It drags on"),
            self._form("escalate", self._agent(), text="I need help"),
            self._form("escalate", "alice", text="Hurry"),
            self._severity(),
            self._press("reopen", "alice"),
        ]

    def _meanwhile(self) -> list[Act]:
        return [
            self._form("escalate", self._agent(), text="Nobody answers"),
            self._form("escalate", "alice", text="Hurry"),
            self._on_page("page_delegate", person=self.random.choice(PEOPLE)),
            self._on_page("page_snooze", length=self.random.choice(("15m", "15m", "1h", "tomorrow"))),
            self._severity(),
            self._form("add_details", "alice", text="It got worse"),
            self._form("close", "alice"),
            self._press("reopen", "alice"),
            self._press("alert_acknowledge", "dana"),
        ]

    def _answers(self) -> list[Act]:
        agent = self._agent()
        return [
            self._on_page("page_acknowledge"),
            self._on_page("page_acknowledge"),
            self._on_page("page_call"),
            self._press("acknowledge", agent),
            self._press("take", agent),
            self._form("reply", agent, text="We look into it"),
            self._form("update", agent, text="Found the cause"),
            self._form("resolve", agent, text="Restarted"),
            self._writes(agent),
        ]

    # Acts, as they arrive --------------------------------------------------------------------

    def _opens(self, _: Ticket | None) -> Inbound:
        severities = [*self.policy.severities]
        weights = [3 if self.policy.severities[each].pages else 1 for each in severities]
        (severity,) = self.random.choices(severities, weights)
        answers = self.policy.triage.example(severity) or {}
        who = self._agent() if self.random.random() < 0.2 else "alice"
        return self._sent("intake", who, {**answers, "summary": (f"Ticket {self.number}",)})

    def _on_page(self, action: str, **values: str) -> Act:
        """By whoever was paged last; Bob if nobody was."""

        def act(ticket: Ticket | None) -> Inbound:
            paged = [page.person for page in ticket.pages if page.person] if ticket else []
            who = paged[-1] if paged else "bob"
            if not values:
                return self._pressed(action, who, Place("slack", f"D0{who.upper()}", True))
            return self._sent(action, who, {name: (value,) for name, value in values.items()})

        return act

    def _first_paged_takes(self, ticket: Ticket | None) -> Inbound:
        paged = [page.person for page in ticket.pages if page.person] if ticket else []
        return self._pressed("take", paged[0] if paged else "bob", TRIAGE)

    def _severity(self) -> Act:
        chosen = self.random.choice([*self.policy.severities])
        return self._form(
            "severity", self._agent(), severity=chosen, because="misjudged", text="Looked again"
        )

    def _form(self, form: str, who: str, **values: str) -> Act:
        return lambda _: self._sent(form, who, {name: (value,) for name, value in values.items()})

    def _press(self, action: str, who: str) -> Act:
        return lambda _: self._pressed(action, who, self.channel if who == "alice" else TRIAGE)

    def _writes(self, who: str) -> Act:
        """Below the customer's card, or, if that is not posted yet, by the button."""

        def act(_: Ticket | None) -> Inbound:
            card = self.posted(f"{self.key}/customer")
            if card is None:
                return self._sent("reply", who, {"text": ("We see it",)})
            ref = MessageRef(self.channel, f"typed {self.number}/{self._acts}")
            return Posted(
                self._envelope(), BEGIN, person(who.title()), self.channel, ref, "We see it", card.ref
            )

        return act

    def _sent(self, form: str, who: str, values: dict[str, tuple[str, ...]]) -> Submission:
        place = self.channel if who == "alice" or form == "intake" else TRIAGE
        context = {
            "place": str(place),
            "ticket": self.key,
            "accounts": self.account,
            "version": self.policy.version,
        }
        return Submission(self._envelope(), BEGIN, self._actor(who), form, values, context)

    def _pressed(self, action: str, who: str, place: Place) -> Press:
        return Press(self._envelope(), BEGIN, self._actor(who), place, None, action, self.key)

    def _envelope(self) -> str:
        self._acts += 1
        return f"{self.number}/{self._acts}"

    def _agent(self) -> str:
        return self.random.choice(PEOPLE[:6])

    def _actor(self, who: str) -> Actor:
        return person("Alice", "T0CUSTOMER") if who == "alice" else person(who.title())

    @property
    def channel(self) -> Place:
        return Place("slack", f"C0{self.account.upper()}")
