"""The parts of Slack's requests that we read; everything else in them is ignored."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Payload = TypeVar("Payload", bound=BaseModel)
LONGEST_ID = 255
"""No id of Slack's is longer, and none that apps may choose."""
Id = Annotated[str, Field(pattern=r"^[!-~]+$", max_length=LONGEST_ID)]
"""An id, a timestamp or a name that we chose: plain characters, which every database accepts."""
OptionalId = Annotated[str, Field(pattern=r"^[!-~]*$", max_length=LONGEST_ID)]
"""The same, or empty."""
Value = Annotated[str, Field(max_length=2000)]
"""The value of a button or an option, no longer than Slack lets an app choose it."""


class Malformed(Exception):
    """A request with a valid signature but invalid content."""


def parse(kind: type[Payload], body: object) -> Payload:
    """Validates a body. Raises Malformed, which names the invalid keys."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise Malformed(
            "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults[:5])
        ) from None


def slack_id(value: object) -> str:
    """Returns the id, or "" if the value is not an id as Slack writes them."""
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        return ""
    return value if value.isascii() and value.isprintable() else ""


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


class SelectedOption(_Payload):
    value: Value


class Action(_Payload):
    type: str
    action_id: Id
    action_ts: OptionalId = ""
    value: Value | None = None
    selected_option: SelectedOption | None = None
    """What was chosen in a menu."""


class Channel(_Payload):
    id: Id


class ContainingView(_Payload):
    """The view that a button is on, if it is not on a message."""

    id: Id
    type: str = ""
    private_metadata: Annotated[str, Field(max_length=3000)] = ""


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


class UploadedFile(_Payload):
    """A file uploaded in a form."""

    id: OptionalId | None = None
    name: str | None = None
    title: str | None = None
    permalink: str | None = None


class InputState(_Payload):
    """The current value of one input."""

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
    private_metadata: Annotated[str, Field(max_length=3000)] = ""
    blocks: list[Block] = []
    state: ViewState = ViewState()

    def inputs(self) -> list[tuple[str, str]]:
        """Returns block id and action id of each input except file inputs, in order."""
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
    """The hidden `private_metadata` of our forms. `face` is a fingerprint of what the form looks like."""

    context: dict[str, str] = {}
    kept: dict[str, list[str]] = {}
    face: str = ""


class MessageFile(UploadedFile):
    """A file attached to a message; in shared channels only its id, to be looked up."""

    file_access: str | None = None


class Profile(_Payload):
    display_name: str | None = None
    real_name: str | None = None
    name: str | None = None


class ChannelMessage(_Payload):
    """A message as its channel shows it."""

    user: OptionalId | None = None
    team: OptionalId | None = None
    """The author's workspace."""
    bot_id: OptionalId | None = None
    text: str | None = None
    ts: Id
    thread_ts: OptionalId | None = None
    files: list[MessageFile] = []


class BotProfile(_Payload):
    name: str | None = None
    team_id: OptionalId | None = None


class MessageEvent(ChannelMessage):
    """A `message` or `app_mention` event; a mention of the bot arrives as both."""

    app_id: OptionalId | None = None
    bot_profile: BotProfile | None = None
    username: str | None = None
    """The name under which an app posted it, if it chose one."""
    type: Literal["message", "app_mention"]
    subtype: str | None = None
    hidden: bool = False
    channel: Id
    parent_user_id: OptionalId | None = None
    user_team: OptionalId | None = None
    user_profile: Profile | None = None


class MessageCallback(_Payload):
    """The Events API request that carries a message."""

    event_id: Id
    api_app_id: OptionalId = ""
    """Our own app's id."""
    event: MessageEvent


class HomeView(_Payload):
    """The current content of a person's Home tab, and which workspace's app drew it."""

    team_id: OptionalId | None = None
    app_installed_team_id: OptionalId | None = None


class AppHomeOpened(_Payload):
    """Somebody opened a tab of the app."""

    type: Literal["app_home_opened"]
    user: Id
    channel: OptionalId = ""
    tab: OptionalId = "home"
    view: HomeView | None = None


class AppHomeOpenedCallback(_Payload):
    """The Events API request that carries it."""

    event_id: Id
    team_id: OptionalId = ""
    event: AppHomeOpened


class ReactedItem(_Payload):
    """The message or file that somebody reacted to."""

    type: str = ""
    channel: OptionalId = ""
    ts: OptionalId = ""


class ReactionAdded(_Payload):
    """Somebody added a reaction."""

    type: Literal["reaction_added"]
    user: Id
    reaction: str = ""
    item: ReactedItem = ReactedItem()


class ReactionAddedCallback(_Payload):
    """The Events API request that carries it."""

    event_id: Id
    event: ReactionAdded


class Shortcut(_Payload):
    """A `shortcut` or a `message_action` request."""

    callback_id: OptionalId = ""
    trigger_id: Id
    user: User
    channel: Channel | None = None
    message: ChannelMessage | None = None
