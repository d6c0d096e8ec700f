"""The parts of Slack's requests that we read; whatever else stands in them is passed over."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Payload = TypeVar("Payload", bound=BaseModel)
Id = Annotated[str, Field(pattern=r"^[!-~]+$")]
"""An id, a time stamp or a name of our own making: plain letters, which every database takes."""
OptionalId = Annotated[str, Field(pattern=r"^[!-~]*$")]
"""The same where there may be none."""


class Malformed(Exception):
    """A request that makes no sense, though Slack's secret signed it."""


def parse(kind: type[Payload], body: object) -> Payload:
    """Raises Malformed, which names the faulty keys."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise Malformed(
            "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults[:5])
        ) from None


def slack_id(value: object) -> str:
    """An id as Slack writes it; empty if this is none."""
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""


class _Payload(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class SlashCommand(_Payload):
    command: str = Field(min_length=2)
    text: str = ""
    trigger_id: Id
    user_id: Id
    user_name: str = ""
    team_id: OptionalId = ""
    channel_id: Id


class User(_Payload):
    id: Id
    team_id: OptionalId | None = None
    name: str | None = None
    username: str | None = None

    @property
    def shown_name(self) -> str:
        return self.name or self.username or self.id


class Container(_Payload):
    type: str = ""
    message_ts: OptionalId | None = None
    channel_id: OptionalId | None = None
    thread_ts: OptionalId | None = None
    view_id: OptionalId | None = None
    is_ephemeral: bool = False


class Action(_Payload):
    type: str
    action_id: Id
    action_ts: OptionalId = ""
    value: str | None = None


class Channel(_Payload):
    id: Id


class ContainingView(_Payload):
    """The view that a button stands on, where it is no message."""

    id: Id
    type: str = ""
    private_metadata: str = ""


class BlockActions(_Payload):
    """A `block_actions` request."""

    user: User
    container: Container = Container()
    actions: list[Action] = Field(min_length=1)
    trigger_id: OptionalId = ""
    response_url: str | None = None
    channel: Channel | None = None
    view: ContainingView | None = None

    @property
    def on_home(self) -> bool:
        return self.view is not None and self.view.type == "home"


class SelectedOption(_Payload):
    value: str


class UploadedFile(_Payload):
    """A file that was put into a form."""

    name: str | None = None
    title: str | None = None
    permalink: str | None = None


class InputState(_Payload):
    """What stands in one input."""

    value: str | None = None
    selected_option: SelectedOption | None = None
    selected_options: list[SelectedOption] | None = None
    files: list[UploadedFile] | None = None


class Element(_Payload):
    type: str = ""
    action_id: str | None = None


class Block(_Payload):
    type: str
    block_id: str | None = None
    element: Element | None = None


class ViewState(_Payload):
    values: dict[str, dict[str, InputState]] = {}


class ModalView(_Payload):
    id: Id
    callback_id: OptionalId = ""
    hash: OptionalId = ""
    private_metadata: str = ""
    blocks: list[Block] = []
    state: ViewState = ViewState()

    def inputs(self) -> list[tuple[str, str]]:
        """Block id and action id of each input, in order; where files are put in is none."""
        return [
            (block.block_id, block.element.action_id)
            for block in self.blocks
            if block.type == "input" and block.block_id and block.element and block.element.action_id
            if block.element.type != "file_input"
        ]


class ViewSubmission(_Payload):
    """A `view_submission` request."""

    user: User
    view: ModalView


class ModalBlockActions(ViewSubmission):
    """A `block_actions` request from a form that is still open."""

    actions: list[Action] = Field(min_length=1)


class FormMetadata(_Payload):
    """What our own forms carry unseen. `face` tells whether another drawing of the form looks the same."""

    context: dict[str, str] = {}
    kept: dict[str, list[str]] = {}
    face: str = ""


class MessageFile(UploadedFile):
    """A file that came with a message; in shared channels only where to ask for it."""

    id: OptionalId | None = None
    file_access: str | None = None


class Profile(_Payload):
    display_name: str | None = None
    real_name: str | None = None
    name: str | None = None


class ChannelMessage(_Payload):
    """A message as it stands in its channel."""

    user: OptionalId | None = None
    bot_id: OptionalId | None = None
    text: str | None = None
    ts: Id
    thread_ts: OptionalId | None = None
    files: list[MessageFile] = []


class MessageEvent(ChannelMessage):
    """A message event; a mention of the bot comes as both kinds."""

    type: Literal["message", "app_mention"]
    subtype: str | None = None
    hidden: bool = False
    channel: Id
    parent_user_id: OptionalId | None = None
    user_team: OptionalId | None = None
    user_profile: Profile | None = None


class MessageCallback(_Payload):
    """An Events API request around a message."""

    event_id: Id
    event: MessageEvent


class HomeView(_Payload):
    """What stands on somebody's Home tab already, and whose app drew it."""

    team_id: OptionalId | None = None
    app_installed_team_id: OptionalId | None = None


class AppHomeOpened(_Payload):
    """Somebody opened the app's pages."""

    type: Literal["app_home_opened"]
    user: Id
    channel: OptionalId = ""
    tab: OptionalId = "home"
    view: HomeView | None = None


class AppHomeOpenedCallback(_Payload):
    """An Events API request around that."""

    event_id: Id
    team_id: OptionalId = ""
    event: AppHomeOpened


class ReactedItem(_Payload):
    """What somebody reacted to."""

    type: str = ""
    channel: OptionalId = ""
    ts: OptionalId = ""


class ReactionAdded(_Payload):
    """Somebody put a reaction on something."""

    type: Literal["reaction_added"]
    user: Id
    reaction: str = ""
    item: ReactedItem = ReactedItem()


class ReactionAddedCallback(_Payload):
    """An Events API request around that."""

    event_id: Id
    event: ReactionAdded


class Shortcut(_Payload):
    """A `shortcut` or a `message_action` request."""

    callback_id: OptionalId = ""
    trigger_id: Id
    user: User
    channel: Channel | None = None
    message: ChannelMessage | None = None
