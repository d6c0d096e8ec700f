"""What people did in Slack, as the desk's own values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from adapters.slack import modals
from adapters.slack.paper import action_of
from adapters.slack.payloads import Delivery, Pressed, Said, Slash, Submitted
from adapters.slack.text import clean
from bot.address import Actor, MessageRef, Place, UserRef
from bot.exchange import Command, Posted, Press, Submission
from bot.ports import Clock

_SPOKEN = frozenset({None, "file_share", "me_message", "thread_broadcast"})
_TOKEN = re.compile(r"<([@#!][^<>\n]*|[a-z][a-z0-9+.-]*:[^<>\n]*)>")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are in the workspace, as auth.test told."""

    team: str
    bot_user: str
    bot_id: str
    name: str


def place(channel: str) -> Place:
    return Place("slack", channel, direct=channel.startswith("D"))


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads requests; a request without sense was refused before."""

    us: Identity
    clock: Clock

    def command(self, slash: Slash) -> Command:
        actor = self._actor(slash.user_id, slash.team_id, slash.user_name or slash.user_id)
        words = self.typed(slash.text).strip()
        key = f"command/{slash.trigger_id}"
        return Command(key, self.clock.now(), actor, place(slash.channel_id), slash.command, words)

    def press(self, pressed: Pressed) -> Press | None:
        """None for what is no button of a message."""
        action, container, user = pressed.actions[0], pressed.container, pressed.user
        channel = pressed.channel.id if pressed.channel else container.channel_id
        if action.type != "button" or not channel or not container.message_ts:
            return None
        where = place(channel)
        message = None if container.is_ephemeral else MessageRef(where, container.message_ts)
        instance = action.action_ts or pressed.trigger_id
        key = f"press/{user.id}/{channel}/{container.message_ts}/{action.action_id}/{instance}"
        actor = self._actor(user.id, user.team_id, user.called)
        at, name = self.clock.now(), action_of(action.action_id)
        return Press(key, at, actor, where, message, name, action.value or "")

    def submission(self, submitted: Submitted) -> Submission:
        """Raises ValueError where the form carries what we never gave it."""
        user, view = submitted.user, submitted.view
        values = modals.values(view)
        # A form whose answer was lost may be changed and sent again under the same id and hash.
        typed = sha256(repr(sorted(values.items())).encode()).hexdigest()[:16]
        return Submission(
            key=f"submission/{view.id}/{view.hash}/{typed}",
            at=self.clock.now(),
            actor=self._actor(user.id, user.team_id, user.called),
            form=view.callback_id,
            values=values,
            context=modals.context(view),
        )

    def posted(self, delivery: Delivery, home: str) -> Posted | None:
        """None for what no person said: bots, ourselves, edits, joins."""
        said = delivery.event
        ours = said.user == self.us.bot_user
        if said.subtype not in _SPOKEN or said.hidden or said.bot_id or ours or not said.user:
            return None
        where = place(said.channel)
        reply = said.thread_ts is not None and said.thread_ts != said.ts
        return Posted(
            key=f"event/{delivery.event_id}",
            at=self.clock.now(),
            actor=self._actor(said.user, _team(said) or home, _called(said)),
            place=where,
            message=MessageRef(where, said.ts),
            text=self._words(said),
            thread=MessageRef(where, said.thread_ts) if reply and said.thread_ts else None,
            below_ours=reply and said.parent_user_id == self.us.bot_user,
        )

    def typed(self, text: str) -> str:
        """What a person typed: mentions and links as plain words, entities undone."""
        parts = _TOKEN.split(text)
        return clean("".join((_unescaped, self._token)[odd % 2](part) for odd, part in enumerate(parts)))

    def _token(self, inner: str) -> str:
        target, _, label = inner.partition("|")
        target, label = _unescaped(target), _unescaped(label)
        if target.startswith("@"):
            known = self.us.name if target[1:] == self.us.bot_user else target[1:]
            return f"@{label.removeprefix('@') or known}"
        if target.startswith("#"):
            return f"#{label or target[1:]}"
        if target.startswith("!"):
            return label or f"@{target[1:].partition('^')[0]}"
        url = target.removeprefix("mailto:")
        same = not label or label in (target, url) or url.endswith(f"//{label}")
        return url if same else f"{label} ({url})"

    def _words(self, said: Said) -> str:
        names = (file.name or file.title or "without a name" for file in said.files)
        lines = (self.typed(said.text or ""), *(clean(f"(file: {name})") for name in names))
        return "\n".join(line for line in lines if line)

    def _actor(self, user: str, home: str | None, name: str) -> Actor:
        return Actor(UserRef("slack", home or "", user), self.us.team, clean(name))


def _team(said: Said) -> str | None:
    """The author's workspace, where the event names one; organisations (E…) are none."""
    return said.user_team if said.user_team and said.user_team.startswith("T") else None


def _called(said: Said) -> str:
    profile = said.user_profile
    names = (profile.display_name, profile.real_name, profile.name) if profile else ()
    return next((name for name in names if name), said.user or "")


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
