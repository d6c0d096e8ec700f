"""Handles Teams activities, which botbuilder's TeamsActivityHandler sorts, and passes them to the desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog
from botbuilder.core import InvokeResponse, TurnContext  # type: ignore[import-untyped]
from botbuilder.core.teams import TeamsActivityHandler  # type: ignore[import-untyped]
from botbuilder.schema import (  # type: ignore[import-untyped]
    AdaptiveCardInvokeResponse,
    AdaptiveCardInvokeValue,
)
from botbuilder.schema.teams import (  # type: ignore[import-untyped]
    ChannelInfo,
    MessageActionsPayload,
    MessagingExtensionAction,
    MessagingExtensionActionResponse,
    TaskModuleRequest,
    TaskModuleResponse,
    TeamInfo,
    TeamsChannelAccount,
    TeamsChannelData,
)
from msrest.exceptions import DeserializationError  # type: ignore[attr-defined]

from adapters.teams.inbound.pipeline import received
from adapters.teams.outbound.conversations import ConversationReferences, TenantLookup
from adapters.teams.outbound.responder import Reply, RequestKind, Responder, takes_form
from adapters.teams.payloads import Activity, Malformed
from adapters.teams.reader import (
    PLATFORM,
    Reader,
    command_words,
    is_from_app,
    message_text,
    place_of,
    plain_text,
    user_of,
)
from adapters.teams.rendering import dialogs
from adapters.teams.rendering.dialogs import InvalidSignature, SignedForms, SubmittedForm
from adapters.teams.rendering.text import Json
from bot.logs import log_fault
from bot.model.address import MessageRef, Place
from bot.model.forms import OUT_OF_DATE
from bot.model.inbound import ChannelChange, Dispatch, MessageChanged, Posted, Show
from bot.model.views import View

log = structlog.get_logger(__name__)

FindTicket = Callable[[MessageRef], Awaitable[str | None]]
"""Looks up the ticket that a message belongs to; None if there is none."""

SEND_TO_CUSTOMER = "send_to_customer"
"""The id in the app's manifest of the message extension that opens no ticket."""
CARD_ACTION = "adaptiveCard/action"
INVOKES = frozenset(
    {
        CARD_ACTION,
        "task/fetch",
        "task/submit",
        "composeExtension/fetchTask",
        "composeExtension/submitAction",
    }
)
"""The invokes that our cards, dialogs and message extensions cause."""
_SHARE_EVENTS = {"channelShared": ChannelChange.SHARED, "channelUnshared": ChannelChange.UNSHARED}


class NotStored(Exception):
    """An activity that must not be lost could not be stored: Teams has to deliver it again."""


class TeamsHandler(TeamsActivityHandler):  # type: ignore[misc]
    """One method for each kind of activity. All raise Malformed and NotStored."""

    def __init__(
        self,
        dispatch: Dispatch,
        *,
        reader: Reader,
        responder: Responder,
        forms: SignedForms,
        tenants: TenantLookup,
        references: ConversationReferences,
        find_ticket: FindTicket,
    ) -> None:
        super().__init__()
        self._dispatch, self._reader = dispatch, reader
        self._responder, self._forms = responder, forms
        self._tenants, self._references, self._find_ticket = tenants, references, find_ticket

    # Messages -------------------------------------------------------------------------------

    async def on_message_activity(self, turn_context: TurnContext) -> None:
        read, home = await self._read_and_record(turn_context)
        if _is_own(read):
            return
        if is_from_app(read):
            await self._on_app_message(read, home)
        elif _is_button_or_form(read.value) and not (read.text or "").strip():
            await self._on_action(read, home, RequestKind.MESSAGE, read.value)
        else:
            await self._on_message(read, home)

    async def on_message_update_activity(self, turn_context: TurnContext) -> None:
        """An edit, or a deletion that was taken back."""
        read, home = await self._read_and_record(turn_context)
        if not is_from_app(read):
            await self._dispatch_message(read, self._reader.revised(read, home, message_text(read).text))

    async def on_message_delete_activity(self, turn_context: TurnContext) -> None:
        read, home = await self._read_and_record(turn_context)
        await self._dispatch_message(read, self._reader.revised(read, home, None))

    # Channels, teams and members ------------------------------------------------------------

    async def on_conversation_update_activity(self, turn_context: TurnContext) -> None:
        """Sorts as botbuilder does. But botbuilder ignores sharing, and looks up each new member in the
        roster."""
        await self._record_durably(turn_context)
        activity = turn_context.activity
        about = TeamsChannelData.deserialize(activity.channel_data)
        if about.event_type in _SHARE_EVENTS:
            await self._channel_changed(turn_context, about.channel, _SHARE_EVENTS[about.event_type])
        elif activity.members_removed:
            await self.on_teams_members_removed(activity.members_removed, about.team, turn_context)
        elif activity.members_added:
            await self.on_teams_members_added(activity.members_added, about.team, turn_context)
        else:
            await super().on_conversation_update_activity(turn_context)

    async def on_teams_members_added(
        self,
        teams_members_added: list[TeamsChannelAccount],
        team_info: TeamInfo | None,
        turn_context: TurnContext,
    ) -> None:
        if _includes_bot(teams_members_added, turn_context):
            await self._joined(turn_context, team_info)

    async def on_teams_members_removed(
        self,
        teams_members_removed: list[TeamsChannelAccount],
        team_info: TeamInfo | None,
        turn_context: TurnContext,
    ) -> None:
        if _includes_bot(teams_members_removed, turn_context):
            await self._team_changed(turn_context, team_info, ChannelChange.LEFT)

    async def on_teams_channel_deleted(
        self, channel_info: ChannelInfo | None, team_info: TeamInfo | None, turn_context: TurnContext
    ) -> None:
        await self._channel_changed(turn_context, channel_info, ChannelChange.DELETED)

    async def on_teams_channel_renamed(
        self, channel_info: ChannelInfo | None, team_info: TeamInfo | None, turn_context: TurnContext
    ) -> None:
        await self._channel_changed(turn_context, channel_info, ChannelChange.RENAMED)

    async def on_teams_channel_restored(
        self, channel_info: ChannelInfo | None, team_info: TeamInfo | None, turn_context: TurnContext
    ) -> None:
        await self._channel_changed(turn_context, channel_info, ChannelChange.UNARCHIVED)

    async def on_teams_team_archived(self, team_info: TeamInfo | None, turn_context: TurnContext) -> None:
        await self._team_changed(turn_context, team_info, ChannelChange.ARCHIVED)

    async def on_teams_team_deleted(self, team_info: TeamInfo | None, turn_context: TurnContext) -> None:
        await self._team_changed(turn_context, team_info, ChannelChange.DELETED)

    async def on_teams_team_hard_deleted(self, team_info: TeamInfo | None, turn_context: TurnContext) -> None:
        await self._team_changed(turn_context, team_info, ChannelChange.DELETED)

    async def on_teams_team_restored(self, team_info: TeamInfo | None, turn_context: TurnContext) -> None:
        await self._team_changed(turn_context, team_info, ChannelChange.UNARCHIVED)

    async def on_teams_team_unarchived(self, team_info: TeamInfo | None, turn_context: TurnContext) -> None:
        await self._team_changed(turn_context, team_info, ChannelChange.UNARCHIVED)

    async def on_installation_update(self, turn_context: TurnContext) -> None:
        await self._record_durably(turn_context)
        await super().on_installation_update(turn_context)

    async def on_installation_update_add(self, turn_context: TurnContext) -> None:
        if turn_context.activity.action == "add":
            await self._joined(turn_context, _team_of(turn_context))

    async def on_installation_update_remove(self, turn_context: TurnContext) -> None:
        if turn_context.activity.action == "remove":  # an upgrade installs the app again
            await self._team_changed(turn_context, _team_of(turn_context), ChannelChange.LEFT)

    # Buttons and forms ----------------------------------------------------------------------

    async def on_invoke_activity(self, turn_context: TurnContext) -> InvokeResponse:
        read = received(turn_context)
        if read.name not in INVOKES or is_from_app(read):
            log.info("unhandled teams invoke", name=(read.name or "")[:80])
            return InvokeResponse(status=200, body={})
        if read.name == CARD_ACTION:
            turn_context.activity.value = _card_action(read.value)
        try:
            answer = await super().on_invoke_activity(turn_context)
        except (DeserializationError, RecursionError) as why:
            raise Malformed(f"{read.name}: botbuilder cannot read its value ({type(why).__name__})") from None
        if answer.status != 200:
            raise Malformed(f"{read.name}: botbuilder refuses its value ({answer.status})")
        return answer

    async def on_adaptive_card_invoke(
        self, turn_context: TurnContext, invoke_value: AdaptiveCardInvokeValue
    ) -> AdaptiveCardInvokeResponse | None:
        read, home = await self._read_and_record(turn_context)
        return await self._on_action(read, home, RequestKind.CARD, invoke_value.action.get("data"))

    async def on_teams_task_module_fetch(
        self, turn_context: TurnContext, task_module_request: TaskModuleRequest | None
    ) -> TaskModuleResponse | None:
        return await self._in_dialog(turn_context, task_module_request)

    async def on_teams_task_module_submit(
        self, turn_context: TurnContext, task_module_request: TaskModuleRequest | None
    ) -> TaskModuleResponse | None:
        return await self._in_dialog(turn_context, task_module_request)

    async def on_teams_messaging_extension_fetch_task(
        self, turn_context: TurnContext, action: MessagingExtensionAction | None
    ) -> MessagingExtensionActionResponse | None:
        read, home = await self._read_and_record(turn_context)
        message = action.message_payload if action else None
        if action and message and action.command_id == SEND_TO_CUSTOMER:
            task = await self._on_message_action(read, home, message)
            return MessagingExtensionActionResponse(task=task) if task else None
        quoted = plain_text(message.body.content or "") if message and message.body else ""
        root = (message.reply_to_id or message.id) if message and not read.is_personal else None
        about = MessageRef(place_of(read), root) if isinstance(root, str) else None
        task = await self._on_command(read, home, RequestKind.TASK, quoted, about)
        return MessagingExtensionActionResponse(task=task) if task else None

    async def on_teams_messaging_extension_submit_action(
        self, turn_context: TurnContext, action: MessagingExtensionAction
    ) -> MessagingExtensionActionResponse | None:
        read, home = await self._read_and_record(turn_context)
        task = await self._on_action(read, home, RequestKind.TASK, action.data)
        return MessagingExtensionActionResponse(task=task) if task else None

    async def _in_dialog(
        self, turn_context: TurnContext, request: TaskModuleRequest | None
    ) -> TaskModuleResponse | None:
        read, home = await self._read_and_record(turn_context)
        task = await self._on_action(read, home, RequestKind.TASK, request.data if request else None)
        return TaskModuleResponse(task=task) if task else None

    # Ignored activities ---------------------------------------------------------------------

    async def _ignored(self, turn_context: TurnContext) -> None:
        log.info("unhandled teams activity", kind=received(turn_context).type[:80])

    on_message_reaction_activity = _ignored
    on_event_activity = _ignored
    on_typing_activity = _ignored
    on_end_of_conversation_activity = _ignored
    on_unrecognized_activity_type = _ignored

    # Dispatch to the desk -------------------------------------------------------------------

    async def _read_and_record(self, turn_context: TurnContext) -> tuple[Activity, str]:
        """Returns the activity and its sender's tenant, and records where it came from."""
        read = received(turn_context)
        home = await self._tenants.tenant_of(read)
        self._references.record(read, user_of(read), home)
        return read, home

    async def _record_durably(self, turn_context: TurnContext) -> None:
        """Stores what an update says about its conversation before we acknowledge it."""
        read, _ = await self._read_and_record(turn_context)
        activity = turn_context.activity
        log.info(
            "teams conversation changed",
            place=read.conversation.place,
            what=(read.about.event_type or read.action or read.type)[:80],
            bot_added=_includes_bot(activity.members_added, turn_context),
            bot_removed=_includes_bot(activity.members_removed, turn_context) or read.action == "remove",
            came=len(activity.members_added),
            went=len(activity.members_removed),
        )
        try:
            await self._references.flush()
        except Exception:
            log_fault(log, "news of a conversation not taken in")
            raise NotStored from None

    async def _channel_changed(
        self, turn_context: TurnContext, channel: ChannelInfo | None, turn: ChannelChange
    ) -> None:
        if channel and channel.id:
            await self._dispatch_changes(
                turn_context, [Place(PLATFORM, channel.id)], turn, channel.name or ""
            )

    async def _team_changed(
        self, turn_context: TurnContext, team: TeamInfo | None, turn: ChannelChange
    ) -> None:
        """Applies a change of a team to all its known channels."""
        read = received(turn_context)
        if read.is_personal:
            return
        known = self._references.channels_of_team(team.id) if team and team.id else []
        places = [place_of(read), *(Place(PLATFORM, place) for place in known)]
        await self._dispatch_changes(turn_context, dict.fromkeys(places), turn)

    async def _joined(self, turn_context: TurnContext, team: TeamInfo | None) -> None:
        """The app was added, to a team with all its channels. Teams names only one of them."""
        read = received(turn_context)
        if read.is_personal:
            return
        channels = await self._tenants.channels_of(read, team.id) if team and team.id else []
        here = place_of(read)
        beside = tuple(Place(PLATFORM, channel) for channel in channels if channel != here.id)
        await self._dispatch_changes(turn_context, [here], ChannelChange.JOINED, beside=beside)

    async def _dispatch_changes(
        self,
        turn_context: TurnContext,
        places: Iterable[Place],
        turn: ChannelChange,
        name: str = "",
        beside: tuple[Place, ...] = (),
    ) -> None:
        try:
            for place in places:
                await self._dispatch(self._reader.turned(received(turn_context), place, turn, name, beside))
        except Exception:
            log_fault(log, "news of a conversation not taken in")
            raise NotStored from None

    async def _on_message(self, read: Activity, home: str) -> None:
        """Handles a message. If it is to the bot and not in a ticket's thread, it is a command."""
        words = message_text(read)
        posted = self._reader.posted(read, home, words.text)
        in_ticket = posted.thread is not None and await self._find_ticket(posted.thread) is not None
        if not words.to_bot and posted.thread is None and not read.is_personal:
            self._references.record_readable(read.conversation.place)
        if not words.to_bot or (in_ticket and command_words(words.text) == words.text):
            await self._dispatch_message(read, posted)
            return
        # Only channels have threads, whose first message their conversation names.
        about = posted.thread or (posted.message if read.conversation.root else None)
        await self._on_command(read, home, RequestKind.MESSAGE, words.text, None if in_ticket else about)

    async def _on_app_message(self, read: Activity, home: str) -> None:
        """Handles another app's message, which is of interest only in a thread."""
        posted = self._reader.posted(read, home, message_text(read).text)
        if posted.thread is not None:
            await self._dispatch_message(read, posted)

    async def _dispatch_message(self, read: Activity, said: Posted | MessageChanged) -> None:
        """Dispatches a new or changed message."""
        try:
            answer = await self._dispatch(said)
        except Exception:
            # Nobody waits for an answer, and the message must not be lost, so ask for redelivery.
            log_fault(log, "message failed")
            raise NotStored from None
        # The thread itself shows the message.
        await self._responder.to_act(read, RequestKind.MESSAGE, answer)

    async def _on_command(
        self, read: Activity, home: str, kind: RequestKind, text: str, about: MessageRef | None = None
    ) -> Reply:
        try:
            answer = await self._dispatch(self._reader.command(read, home, text, about))
            return await self._responder.to_act(read, kind, answer)
        except Exception:
            log_fault(log, "command failed")
            return self._responder.failed(read, kind)

    async def _on_message_action(self, read: Activity, home: str, message: MessageActionsPayload) -> Reply:
        try:
            answer = await self._dispatch(self._reader.message_action(read, home, SEND_TO_CUSTOMER, message))
            return await self._responder.to_act(read, RequestKind.TASK, answer)
        except Exception:
            log_fault(log, "message action failed")
            return self._responder.failed(read, RequestKind.TASK)

    async def _on_action(self, read: Activity, home: str, kind: RequestKind, data: Any) -> Reply:
        """Handles a button or a submitted form."""
        if dialogs.holds_form(data):
            return await self._on_form(read, home, kind, data)
        press = self._reader.press(read, home, data)
        try:
            return await self._responder.to_act(read, kind, await self._dispatch(press))
        except Exception:
            log_fault(log, "press failed", action=press.action)
            return self._responder.failed(read, kind)

    async def _on_form(self, read: Activity, home: str, kind: RequestKind, data: Json) -> Reply:
        submitted: SubmittedForm | None = None
        try:
            submitted = self._forms.read(data)
        except InvalidSignature as why:
            log.warning("form that we did not open", why=str(why))
            return self._responder.failed(read, kind, words=OUT_OF_DATE)
        except ValueError as wrong:
            raise Malformed(str(wrong)) from None
        if submitted.cancelled:
            return self._responder.to_cancel(read, kind, submitted, await self._hidden(read, home, submitted))
        try:
            answer = await self._dispatch(self._reader.submission(read, home, submitted))
            hidden = None
            if kind is RequestKind.CARD and not submitted.standalone and takes_form(answer):
                hidden = await self._hidden(read, home, submitted)
            return await self._responder.to_form(read, kind, submitted, answer, hidden)
        except Exception:
            log_fault(log, "submission failed", form=submitted.form)
            return self._responder.failed(read, kind, submitted)

    async def _hidden(self, read: Activity, home: str, submitted: SubmittedForm) -> View | None:
        """Closes a form that was shown as a card. Returns what that card hid, or None if that is unknown."""
        try:
            answer = await self._dispatch(self._reader.closed(read, home, submitted))
        except Exception:
            # The form was submitted all the same.
            log_fault(log, "the card below a form could not be read", form=submitted.form)
            return None
        return answer.view if isinstance(answer, Show) else None


def _is_own(read: Activity) -> bool:
    return read.sender.id == read.recipient.id


def _is_button_or_form(value: Any) -> bool:
    return dialogs.holds_form(value) or (isinstance(value, dict) and "action" in value)


def _includes_bot(members: Iterable[TeamsChannelAccount], turn_context: TurnContext) -> bool:
    return any(member.id == turn_context.activity.recipient.id for member in members)


def _team_of(turn_context: TurnContext) -> TeamInfo | None:
    return TeamsChannelData.deserialize(turn_context.activity.channel_data).team


def _card_action(value: Any) -> Json:
    """Returns the part of the value that botbuilder reads: it fails on an action that is not an object, and
    warns about each unknown key."""
    action = value.get("action") if isinstance(value, dict) else None
    if not isinstance(action, dict):
        raise Malformed(f"{CARD_ACTION}: no action")
    return {"action": action}
