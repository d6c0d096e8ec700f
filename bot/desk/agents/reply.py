"""`Reply`: an answer to the customer, in one's own words or in saved ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.config.saved_replies import SavedReply
from bot.desk import writing
from bot.desk.desk import Desk
from bot.desk.ticket.short_forms import TEXT, context_of, next_turn, text_form, text_of, why_not_sent
from bot.model.address import Actor
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.inbound import Answer, Ask, Done, FormChanged, Press, Submission
from bot.notify import cards
from bot.text import named_time
from sla_core.events import Answered, Attachment, Event, Kind
from sla_core.policy import Policy
from sla_core.ticket import Ticket
from sla_core.triage import Option

FORM, SAVED = "reply", "saved_reply"
FILLED, EDITION = "filled", "edition"
"""The keys in the form's context for the saved reply that its text has, and how often a text was put in."""
FILES = "files"
"""The key in the form's context for whether files may be attached."""
_TOO_LONG = "Your text and this saved reply are too long together. Please shorten your text."
_READ_IT = "Please read the saved reply before you send it."


async def ask(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    asked = form(desk, context_of(press) | {FILES: "1" if can_copy_files(desk, ticket) else ""})
    return Ask(await writing.begin(desk, press.actor, ticket, asked))


def can_copy_files(desk: Desk, ticket: Ticket) -> bool:
    """Whether agents and customer are on one platform: no file is carried from one to another."""
    channel = desk.directory.channel_of(ticket)
    return desk.directory.triage_for(channel).platform == channel.platform


def form(desk: Desk, context: Mapping[str, str]) -> Form:
    """The form of a reply. Where there are saved replies, it begins with a choice of them."""
    plain, saved = text_form(FORM, context), desk.directory.settings.saved_replies
    plain = replace(plain, takes_files=bool(context.get(FILES)))
    if not saved:
        return plain
    text, *others = plain.fields
    assert isinstance(text, TextField)
    text = replace(text, filled_by=SAVED, edition=context.get(EDITION, ""))
    options = tuple(Option(each.id, each.name) for each in saved)
    choice = ChoiceField(SAVED, "Saved reply", options, required=False, hint="You can change its text.")
    return replace(plain, fields=(choice, text, *others), reacts=True)


async def changed(desk: Desk, act: FormChanged, ticket: Ticket) -> Answer:
    """Puts the text of the saved reply that was chosen into the open form."""
    filled = _filled(desk, act, ticket)
    return Ask(filled or form(desk, act.context).filled(act.values))


async def submit(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    """Sends the reply, unless its author has not seen the saved text or another agent's answer yet."""
    text = text_of(sent)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if unseen := _filled(desk, sent, ticket):
            return Ask(unseen if unseen.errors else replace(unseen, intro=(_READ_IT,)))
        again = form(desk, sent.context)
        if why_not := why_not_sent(ticket, text):
            return Ask(again.rejected(sent.values, {TEXT: why_not}))
        if answered := writing.answered_since(desk, sent.actor, ticket, sent.context):
            return Ask(writing.shown_again(again.filled(sent.values), ticket, answered))
        files = tuple(Attachment(file.name, file.url, file.id) for file in sent.files)
        return [Answered(now, desk.who(sent.actor), Kind.REPLY, text, files, next=next_turn(sent))]

    answer = await desk.change(sent.key, ticket, decide)
    if isinstance(answer, Done):
        await writing.end(desk, sent.actor, ticket.key)
    return answer


def _filled(desk: Desk, act: FormChanged | Submission, ticket: Ticket) -> Form | None:
    """The form with the saved reply that was chosen and is not in its text yet; None if there is none.

    It takes the place of another saved reply that was left as it was, and stands below anything else.
    """
    chosen, before = next(iter(act.values.get(SAVED, ())), ""), act.context.get(FILLED, "")
    saved = {each.id: each for each in desk.directory.settings.saved_replies}
    if chosen == before or chosen not in saved:
        return None
    words = SavedWords(desk, ticket, act.actor)
    typed = next(iter(act.values.get(TEXT, ())), "").strip()
    is_untouched = before in saved and typed == words.of(saved[before])
    text = "\n\n".join(filter(None, ("" if is_untouched else typed, words.of(saved[chosen]))))
    edition = act.context.get(EDITION, "")
    number = int(edition) + 1 if edition.isdecimal() and len(edition) < 9 else 1
    filled = form(desk, {**act.context, FILLED: chosen, EDITION: str(number)})
    limit = next(field.limit for field in filled.fields if isinstance(field, TextField))
    if len(text) > limit:
        return form(desk, act.context).rejected({**act.values, SAVED: ()}, {SAVED: _TOO_LONG})
    return filled.filled({**act.values, TEXT: (text,)})


@dataclass(frozen=True, slots=True)
class SavedWords:
    """Saved replies as this agent sends them on this ticket."""

    desk: Desk
    ticket: Ticket
    agent: Actor

    def of(self, saved: SavedReply) -> str:
        return saved.filled(self._values()).strip()

    def _values(self) -> dict[str, str]:
        opened, policy = self.ticket.opened, self.desk.policy_of(self.ticket)
        opener = opened.words_of or (None if opened.by_agent else opened.by)
        account = self.desk.account_of(self.ticket)
        due = cards.next_due(self.ticket, policy, self.desk.clock.now())
        at = due.due_at if due else None
        return {
            "customer": opener.name if opener else "",
            "agent": self.desk.who(self.agent).name,
            "key": self.ticket.key,
            "summary": opened.summary,
            "account": account.name if account else opened.account,
            "severity": policy.shown(self.ticket.severity),
            "due": named_time(at, policy.zone(opened.plan)) if at else "",
        }
