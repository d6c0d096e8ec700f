"""Translates what people do in Slack into the desk's values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from adapters.slack.payloads import (
    BlockActions,
    MessageCallback,
    MessageEvent,
    ModalBlockActions,
    SlashCommand,
    UploadedFile,
    ViewSubmission,
)
from adapters.slack.rendering import modals
from adapters.slack.rendering.block_kit import MENU, action_of, read_option
from bot.model.address import Actor, MessageRef, Place, UserRef
from bot.model.inbound import Command, File, FormChanged, FormClosed, Posted, Press, Submission
from bot.ports import Clock
from bot.text import clean, one_line

PERSON_SUBTYPES = frozenset({None, "file_share", "me_message", "thread_broadcast"})
"""Subtypes of messages that a person wrote."""
_TOKEN = re.compile(r"<([@#!][^<>\n]*|[a-z][a-z0-9+.-]*:[^<>\n]*)>")


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """The bot's ids in the workspace, from auth.test."""

    team: str
    bot_user: str
    bot_id: str
    name: str
    url: str = ""
    """The workspace's address, such as `https://acme.slack.com/`; empty if it is not known."""


def place(channel: str) -> Place:
    return Place("slack", channel, direct=channel.startswith("D"))


def dm_place(channel: str, user: str) -> Place:
    """Returns the direct conversation with a person; Slack also accepts the person's id for it."""
    return place(channel) if channel.startswith("D") else Place("slack", user, direct=True)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads requests that `parse` has validated."""

    identity: BotIdentity
    clock: Clock
    alias: str = ""
    """The second bot user in a shared channel with the app on both sides: that of the receiving side."""

    def command(self, slash: SlashCommand) -> Command:
        actor = self.actor(slash.user_id, slash.team_id, slash.user_name or slash.user_id)
        words = self.to_plain_text(slash.text).strip()
        key = f"command/{slash.trigger_id}"
        return Command(key, self.clock.now(), actor, place(slash.channel_id), slash.command, words)

    def press(self, pressed: BlockActions) -> Press | None:
        """Returns None unless it is a button on a message or on the Home tab."""
        action, container, user = pressed.actions[0], pressed.container, pressed.user
        channel = pressed.channel.id if pressed.channel else container.channel_id
        message: MessageRef | None = None
        if pressed.view and pressed.on_home:
            where, surface = dm_place(pressed.view.private_metadata, user.id), pressed.view.id
        elif channel and container.message_ts:
            where, surface = place(channel), container.message_ts
            message = None if container.is_ephemeral else MessageRef(where, surface)
        else:
            return None
        chosen = action.selected_option
        if action.type == "button":
            name, value = action_of(action.action_id), action.value or ""
        elif action.type == "static_select" and action_of(action.action_id) == MENU and chosen:
            name, value = read_option(chosen.value)
        else:
            return None
        instance = action.action_ts or pressed.trigger_id
        key = f"press/{user.id}/{where.id}/{surface}/{action.action_id}/{instance}"
        actor = self.actor(user.id, user.team_id, user.shown_name)
        from_menu = action.type == "static_select"
        return Press(key, self.clock.now(), actor, where, message, name, value, from_menu)

    def submission(self, submitted: ViewSubmission) -> Submission:
        """Raises Malformed if the form carries anything that we did not put there."""
        user, view = submitted.user, submitted.view
        values = modals.values(view)
        # The desk identifies forms by their own key; this one is for a form from the previous release.
        typed = sha256(repr(sorted(values.items())).encode()).hexdigest()[:16]
        return Submission(
            key=f"submission/{view.id}/{view.hash}/{typed}",
            at=self.clock.now(),
            actor=self.actor(user.id, user.team_id, user.shown_name),
            form=view.callback_id,
            values=values,
            context=modals.context(view),
            files=modals.files(view),
        )

    def form_changed(self, filled: ModalBlockActions) -> FormChanged:
        """Raises Malformed as above."""
        user, view = filled.user, filled.view
        return FormChanged(
            key=f"filling/{view.id}/{filled.actions[0].action_ts}",
            at=self.clock.now(),
            actor=self.actor(user.id, user.team_id, user.shown_name),
            form=view.callback_id,
            values=modals.values(view),
            context=modals.context(view),
        )

    def form_closed(self, closed: ViewSubmission) -> FormClosed:
        """Slack sends no values of a closed form. Raises Malformed as above."""
        user, view = closed.user, closed.view
        key, actor = f"left/{view.id}", self.actor(user.id, user.team_id, user.shown_name)
        values = modals.values(view) if view.state.values else {}
        return FormClosed(key, self.clock.now(), actor, view.callback_id, values, modals.context(view))

    def posted(self, delivery: MessageCallback, home: str) -> Posted | None:
        """Returns None for anything but a person's new message: bots, ourselves, edits, joins."""
        said = delivery.event
        where, raw = place(said.channel), said.text or ""
        reply = said.thread_ts is not None and said.thread_ts != said.ts
        is_own = self._is_own(delivery)
        from_app = reply and not where.direct and not is_own and is_from_app(said)
        from_person = said.subtype in PERSON_SUBTYPES and not said.bot_id and said.user
        if said.hidden or is_own or not (from_app or from_person):
            return None
        actor = (
            self.actor(said.user or said.bot_id or "", app_team(said) or home, app_name(said))
            if from_app
            else self.actor(said.user or "", author_team(said) or home, author_name(said))
        )
        return Posted(
            key=f"event/{delivery.event_id}",
            at=self.clock.now(),
            actor=actor,
            place=where,
            message=MessageRef(where, said.ts),
            text=self.to_plain_text(self.without_bot_mention(raw) if where.direct else raw),
            thread=MessageRef(where, said.thread_ts) if reply and said.thread_ts else None,
            in_own_thread=reply and said.parent_user_id == self.identity.bot_user,
            mentions_bot=any(f"<@{name}" in raw for name in self._names),
            files=tuple(map(to_file, said.files)),
            from_app=from_app,
        )

    def _is_own(self, delivery: MessageCallback) -> bool:
        """Whether our app posted it, under its own name or another, through this installation or another."""
        said, identity = delivery.event, self.identity
        by_app = bool(said.app_id) and said.app_id == delivery.api_app_id
        by_bot = bool(said.bot_id) and said.bot_id == identity.bot_id
        return by_app or by_bot or (bool(said.user) and said.user in self._names)

    def without_bot_mention(self, text: str) -> str:
        """Returns the text without the bot's name and the punctuation after it."""
        names = "|".join(map(re.escape, self._names))
        return re.sub(rf"<@(?:{names})(?:\|[^<>\n]*)?>[,:]?", " ", text).strip()

    @property
    def _names(self) -> tuple[str, ...]:
        return (self.identity.bot_user, self.alias) if self.alias else (self.identity.bot_user,)

    def to_plain_text(self, text: str) -> str:
        """Returns what a person typed: mentions and links as plain words, entities unescaped."""
        parts = _TOKEN.split(text)
        return clean("".join((_unescaped, self._token)[odd % 2](part) for odd, part in enumerate(parts)))

    def _token(self, inner: str) -> str:
        target, _, label = inner.partition("|")
        target, label = _unescaped(target), _unescaped(label)
        if target.startswith("@"):
            known = self.identity.name if target[1:] in self._names else target[1:]
            return f"@{label.removeprefix('@') or known}"
        if target.startswith("#"):
            return f"#{label or target[1:]}"
        if target.startswith("!"):
            return label or f"@{target[1:].partition('^')[0]}"
        url = target.removeprefix("mailto:")
        same = not label or label in (target, url) or url.endswith(f"//{label}")
        return url if same else f"{label} ({url})"

    def actor(self, user: str, home: str | None, name: str) -> Actor:
        return Actor(UserRef("slack", home or "", user), self.identity.team, clean(name))


def to_file(file: UploadedFile) -> File:
    """Returns the file as agents see it, with a link only if Slack gives the file's page."""
    name, url = one_line(file.name or file.title or ""), file.permalink or ""
    return File(name or "a file", url if url.startswith("https://") else "")


def author_team(said: MessageEvent) -> str | None:
    """Returns the author's workspace if the event names one; an organisation (E…) does not count."""
    return said.user_team if said.user_team and said.user_team.startswith("T") else None


def author_name(said: MessageEvent) -> str:
    profile = said.user_profile
    names = (profile.display_name, profile.real_name, profile.name) if profile else ()
    return next((name for name in names if name), said.user or "")


def is_from_app(said: MessageEvent) -> bool:
    return bool(said.bot_id) and said.subtype in PERSON_SUBTYPES | {"bot_message"}


def app_team(said: MessageEvent) -> str | None:
    return author_team(said) or (said.bot_profile.team_id if said.bot_profile else None)


def app_name(said: MessageEvent) -> str:
    """Returns the name that the message shows."""
    profile = said.bot_profile.name if said.bot_profile else None
    return one_line(said.username or profile or "") or "an app"


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
