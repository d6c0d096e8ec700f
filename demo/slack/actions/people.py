"""What people do in the workspace, and the requests that Slack then sends."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from demo.slack import text
from demo.slack.actions import forms
from demo.slack.actions.bot_client import Ack, BotClient, Request
from demo.slack.actions.forms import CommandReply, SubmitReply
from demo.slack.elements import Json
from demo.slack.payloads import (
    channel_stub,
    envelope,
    file_json,
    interaction,
    is_reply_to,
    message_event,
    message_json,
    view_json,
)
from demo.slack.state import SLACKBOT, Channel, Message, Person, ResponseUrl, SlackError, Workspace
from demo.slack.view import View
from demo.slack.web_api.chat import changed
from demo.slack.web_api.replies import respond


class UserActions:
    """Acts as any person; every request goes to the bot over real HTTP."""

    def __init__(
        self, workspace: Workspace, bot_client: BotClient, commands: frozenset[str] | None, echo: bool
    ) -> None:
        self.workspace, self._bot_client = workspace, bot_client
        self._commands, self._echo = commands, echo
        workspace.emit = self._emit

    def modal_of(self, user: Person) -> View | None:
        """Returns the top view of the person's open modals, or None."""
        stack = self.workspace.stacks.get(user.id, [])
        return stack[-1] if stack else None

    def dm(self, user: Person) -> Channel:
        """Returns the person's direct conversation with the bot."""
        return self.workspace.im(user.id)

    async def command(self, user: Person, channel: Channel, command: str, words: str = "") -> CommandReply:
        """Types a slash command."""
        self._must_be_in(user, channel)
        known = self._commands is None or command in self._commands
        if self.workspace.is_external(user.id) or not known:
            return self._slackbot(user, channel, None, f"{command} is not a valid command.")
        stub = channel_stub(channel)
        response_url = self.workspace.new_response_url(user.id, channel.id, None)
        fields = {
            "token": self.workspace.verification,
            "team_id": self.workspace.team_id,
            "team_domain": self.workspace.domain,
            "channel_id": channel.id,
            "channel_name": stub["name"],
            "user_id": user.id,
            "user_name": user.name,
            "command": command,
            "text": text.typed(words),
            "api_app_id": self.workspace.app_id,
            "is_enterprise_install": "true" if self.workspace.org else "false",
            **({"enterprise_id": self.workspace.org["id"]} if self.workspace.org else {}),
            "response_url": response_url,
            "trigger_id": self.workspace.new_trigger(user.id),
        }
        ack = await self._bot_client.form("command", fields)
        if not ack.ok:
            failure = "operation_timeout" if ack.timed_out else "dispatch_failed"
            return self._slackbot(user, channel, ack, f'{command} failed with the error "{failure}"')
        return self._command_answer(user, channel, ack)

    async def submit(self, user: Person, values: Mapping[str, Any] | None = None) -> SubmitReply:
        """Fills in the open modal and submits it; other fields keep their values."""
        view = self._open_modal(user)
        forms.fill(view, values or {})
        if errors := forms.client_errors(view):
            view.errors = errors
            self.workspace.touch()
            return SubmitReply(False, errors=errors)
        payload = interaction(self.workspace, "view_submission", user.id, user.team_id)
        payload |= {"trigger_id": self.workspace.new_trigger(user.id), "response_urls": []}
        ack = await self._bot_client.interact(payload | {"view": view_json(self.workspace, view)})
        return forms.apply_answer(self.workspace, view, ack)

    async def choose(self, user: Person, name: str, value: Any, message: Message | None = None) -> Ack | None:
        """Changes one input or menu, and sends it to the bot if it dispatches actions."""
        view = forms.menus(message.blocks) if message else self._open_modal(user)
        entry = view.input(name)
        entry.put(value)
        if not entry.dispatches:
            return None
        action = forms.chosen(entry, self.workspace.next_ts())
        return await self._act(user, message or view, action)

    def uploaded(self, user: Person, *names: str) -> list[Json]:
        """Returns files as a form holds them: not yet in any channel."""
        return [file_json(self.workspace, self.workspace.upload(user.id, name)) for name in names]

    async def press(self, user: Person, where: Message | View, label: str) -> Ack:
        """Presses the button with that label, or chooses it in a menu; confirms its dialog if any."""
        return await self._act(user, where, forms.press(where.blocks, label, self.workspace.next_ts()))

    async def close_modal(self, user: Person, everything: bool = False) -> Ack | None:
        """Closes the top modal, or the whole stack; notifies the bot if the view asks for that."""
        view = self._open_modal(user)
        # Slack sends no values of a closed view.
        shown = view_json(self.workspace, view) | {"state": {"values": {}}}
        for gone in list(self.workspace.stacks[user.id]) if everything else [view]:
            forms.close(self.workspace, gone)
        if not view.payload.get("notify_on_close"):
            return None
        payload = interaction(self.workspace, "view_closed", user.id, user.team_id)
        return await self._bot_client.interact(payload | {"view": shown, "is_cleared": everything})

    async def say(
        self,
        user: Person,
        channel: Channel,
        words: str,
        thread: Message | None = None,
        files: Sequence[str] = (),
    ) -> Message:
        """Writes a message; `<@U…>` mentions, everything else is literal. `files` are names."""
        self._must_be_in(user, channel)
        if channel.archived:
            raise SlackError("is_archived")
        parent = (thread.thread_ts or thread.ts) if thread else None
        message = Message(channel.id, self.workspace.next_ts(), user.id, text.typed(words), thread_ts=parent)
        message.files += [self.workspace.upload(user.id, name) for name in files]
        self.workspace.add(message)
        if self.workspace.bot.id not in channel.members:
            return message
        mentioned = f"<@{self.workspace.bot.id}>" in message.text and not channel.is_im
        kinds = ["message", "app_mention"] if mentioned else ["message"]
        events = (
            envelope(self.workspace, message_event(self.workspace, message, kind), user.id) for kind in kinds
        )
        await asyncio.gather(*(self._bot_client.event(event) for event in events))
        return message

    async def edit(self, user: Person, message: Message, words: str) -> Ack:
        """Edits a person's own message."""
        before = self._own_message(user, message)
        message.text, message.edited = text.typed(words), True
        return await self._revised(user, message, before)

    async def unfurl(self, message: Message) -> Ack:
        """Adds a link preview to a message."""
        author = self.workspace.users[message.user]
        return await self._revised(author, message, message_json(self.workspace, message))

    async def delete_message(self, user: Person, message: Message) -> Ack:
        """Deletes a person's own message, or the bot's as a workspace owner; replies to it stay."""
        ours = message.user == self.workspace.bot.id
        before = message_json(self.workspace, message) if ours else self._own_message(user, message)
        has_replies = any(
            is_reply_to(reply, message) for reply in self.workspace.channels[message.channel].messages
        )
        message.deleted = True
        self.workspace.touch()
        kind, parts = "message_deleted", {"deleted_ts": message.ts, "previous_message": before}
        if has_replies:
            tombstone = {"type": "message", "subtype": "tombstone", "user": SLACKBOT, "hidden": True}
            tombstone |= {"text": "This message was deleted.", "ts": message.ts, "thread_ts": message.ts}
            kind, parts = "message_changed", {"message": tombstone, "previous_message": before}
        return await self.event(changed(message, kind, parts, self.workspace), user)

    async def react(self, user: Person, message: Message, emoji: str) -> Ack:
        self._must_be_in(user, self.workspace.channels[message.channel])
        message.reactions.setdefault(emoji, []).append(user.id)
        item = {"type": "message", "channel": message.channel, "ts": message.ts}
        event = {"type": "reaction_added", "user": user.id, "reaction": emoji, "item": item}
        return await self.event(event | {"item_user": message.user}, user)

    async def invite_bot(self, user: Person, channel: Channel) -> Ack:
        """Invites the bot to a channel."""
        self._must_be_in(user, channel)
        channel.members.append(self.workspace.bot.id)
        kind = "G" if channel.is_private else "C"
        event = {
            "type": "member_joined_channel",
            "user": self.workspace.bot.id,
            "channel": channel.id,
            "channel_type": kind,
        }
        return await self.event(event | {"team": self.workspace.team_id, "inviter": user.id}, user)

    async def open_home(self, user: Person, tab: str = "home") -> Ack:
        """Opens one of the app's tabs; the event includes the current content of the Home tab."""
        event: Json = {"type": "app_home_opened", "user": user.id, "channel": self.dm(user).id, "tab": tab}
        if tab == "home" and (shown := self.workspace.homes.get(user.id)):
            event["view"] = view_json(self.workspace, shown)
        return await self.event(event, user)

    async def shortcut(self, user: Person, message: Message, callback_id: str) -> Ack:
        """Uses a message shortcut; external members cannot."""
        if self.workspace.is_external(user.id):
            raise SlackError("not_allowed")
        channel = self.workspace.channels[message.channel]
        payload = interaction(self.workspace, "message_action", user.id, self.workspace.team_id)
        payload |= {
            "callback_id": callback_id,
            "action_ts": self.workspace.next_ts(),
            "message_ts": message.ts,
        }
        payload |= {"channel": channel_stub(channel), "message": message_json(self.workspace, message)}
        payload |= self._reply_handles(user, channel, message)
        return await self._bot_client.interact(payload)

    # --- raw events and requests

    async def event(self, event: Json, actor: Person | None = None) -> Ack:
        """Wraps any inner event and delivers it, with retries."""
        stamped = {"event_ts": self.workspace.next_ts()} | event
        return await self._bot_client.event(envelope(self.workspace, stamped, actor.id if actor else None))

    async def verify_url(self) -> Ack:
        """Sends the challenge that Slack sends when the request URL is set."""
        body = {"token": self.workspace.verification, "challenge": "c-3eZbrw1aB", "type": "url_verification"}
        return await self._bot_client.event(body)

    async def redeliver(self, what: Ack | Request, retry: bool = False) -> Ack:
        """Sends the same request again, byte for byte; with `retry`, marked and signed as a retry."""
        request = what.request if isinstance(what, Ack) else what
        if retry:
            kind = request.headers["Content-Type"]
            request = self._bot_client.sign(
                request.kind, request.body, kind, request.retry + 1, "http_timeout"
            )
        return await self._bot_client.deliver(request)

    # --- internal

    def _emit(self, event: Json, actor: str | None) -> None:
        channel = self.workspace.channels.get(str(event.get("channel")))
        if self._echo and self._bot_client.url and channel and self.workspace.bot.id in channel.members:
            self._bot_client.event_later(envelope(self.workspace, event, actor))

    def _must_be_in(self, user: Person, channel: Channel) -> None:
        if user.id not in channel.members:
            raise SlackError(f"{user.name} is not in {channel.name}")

    def _own_message(self, user: Person, message: Message) -> Json:
        """Returns the message as JSON. Raises SlackError if it is not the person's own."""
        self._must_be_in(user, self.workspace.channels[message.channel])
        if message.user != user.id:
            raise SlackError("cant_update_message")
        return self._with_team(user, message_json(self.workspace, message))

    async def _revised(self, user: Person, message: Message, before: Json) -> Ack:
        self.workspace.touch()
        now = self._with_team(user, message_json(self.workspace, message))
        parts = {"message": now, "previous_message": before}
        return await self.event(changed(message, "message_changed", parts, self.workspace), user)

    def _with_team(self, user: Person, shown: Json) -> Json:
        return shown | {"user_team": user.team_id, "source_team": user.team_id}

    def _open_modal(self, user: Person) -> View:
        view = self.modal_of(user)
        if view is None:
            raise LookupError(f"{user.name} has no modal open")
        return view

    def _reply_handles(self, user: Person, channel: Channel, message: Message) -> Json:
        response_url = self.workspace.new_response_url(user.id, channel.id, message)
        return {"trigger_id": self.workspace.new_trigger(user.id), "response_url": response_url}

    async def _act(self, user: Person, where: Message | View, action: Json) -> Ack:
        # Actions carry the team of the installation, even if the actor belongs to another one.
        payload = interaction(self.workspace, "block_actions", user.id, self.workspace.team_id)
        payload["actions"] = [action]
        if isinstance(where, View):
            if where.user != user.id or not where.open:
                raise SlackError(f"{user.name} does not have this view open")
            payload |= {"container": {"type": "view", "view_id": where.id}}
            payload |= {
                "view": view_json(self.workspace, where),
                "trigger_id": self.workspace.new_trigger(user.id),
            }
            return await self._bot_client.interact(payload)
        channel, private = self.workspace.channels[where.channel], where.ephemeral_to is not None
        self._must_be_in(user, channel)
        if where.deleted or (private and where.ephemeral_to != user.id):
            raise SlackError(f"{user.name} does not see this message")
        container: Json = {"type": "message", "message_ts": where.ts, "channel_id": channel.id}
        container |= {"is_ephemeral": private} | ({"thread_ts": where.thread_ts} if where.is_reply else {})
        payload |= {"container": container, "channel": channel_stub(channel), "state": {"values": {}}}
        if not private:
            payload["message"] = message_json(self.workspace, where)
        return await self._bot_client.interact(payload | self._reply_handles(user, channel, where))

    def _command_answer(self, user: Person, channel: Channel, ack: Ack) -> CommandReply:
        if not ack.body.strip():
            return CommandReply(ack)
        answer = ack.json()
        given = answer if isinstance(answer, dict) else {"text": ack.body}
        try:
            reply = respond(self.workspace, ResponseUrl("", user.id, channel.id, None, 0.0), given)
        except SlackError as refusal:
            self.workspace.complain(f"command answered with {refusal.error}: {'; '.join(refusal.messages)}")
            return CommandReply(ack)
        return CommandReply(ack, text.message_text(self.workspace, reply) if reply else "")

    def _slackbot(self, user: Person, channel: Channel, ack: Ack | None, words: str) -> CommandReply:
        message = Message(channel.id, self.workspace.next_ts(), SLACKBOT, words, ephemeral_to=user.id)
        self.workspace.add(message)
        return CommandReply(ack, words)
