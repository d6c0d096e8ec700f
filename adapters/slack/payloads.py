"""The parts of Slack's requests that we read; whatever else stands in them is passed over."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Payload = TypeVar("Payload", bound=BaseModel)
Id = Annotated[str, Field(pattern=r"^[!-~]+$")]
"""An id, a time stamp or a name of our own making: plain letters, which every database takes."""
Plain = Annotated[str, Field(pattern=r"^[!-~]*$")]
"""The same where there may be none."""


class Malformed(Exception):
    """A request that makes no sense, though Slack's secret signed it."""


def read(kind: type[Payload], body: object) -> Payload:
    """Raises Malformed, which names the faulty keys."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise Malformed(
            "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults[:5])
        ) from None


def plain(value: object) -> str:
    """An id as Slack writes it; empty if this is none."""
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""


class _Payload(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class Slash(_Payload):
    command: str = Field(min_length=2)
    text: str = ""
    trigger_id: Id
    user_id: Id
    user_name: str = ""
    team_id: Plain = ""
    channel_id: Id


class User(_Payload):
    id: Id
    team_id: Plain | None = None
    name: str | None = None
    username: str | None = None

    @property
    def called(self) -> str:
        return self.name or self.username or self.id


class Container(_Payload):
    type: str = ""
    message_ts: Plain | None = None
    channel_id: Plain | None = None
    thread_ts: Plain | None = None
    view_id: Plain | None = None
    is_ephemeral: bool = False


class Action(_Payload):
    type: str
    action_id: Id
    action_ts: Plain = ""
    value: str | None = None


class Channel(_Payload):
    id: Id


class Surface(_Payload):
    """The view that a button stands on, where it is no message."""

    id: Id
    type: str = ""
    private_metadata: str = ""


class Pressed(_Payload):
    """A `block_actions` request."""

    user: User
    container: Container = Container()
    actions: list[Action] = Field(min_length=1)
    trigger_id: Plain = ""
    response_url: str | None = None
    channel: Channel | None = None
    view: Surface | None = None

    @property
    def on_home(self) -> bool:
        return self.view is not None and self.view.type == "home"


class Chosen(_Payload):
    value: str


class Uploaded(_Payload):
    """A file that was put into a form."""

    name: str | None = None
    title: str | None = None
    permalink: str | None = None


class Entry(_Payload):
    """What stands in one input."""

    value: str | None = None
    selected_option: Chosen | None = None
    selected_options: list[Chosen] | None = None
    files: list[Uploaded] | None = None


class Element(_Payload):
    type: str = ""
    action_id: str | None = None


class Block(_Payload):
    type: str
    block_id: str | None = None
    element: Element | None = None


class State(_Payload):
    values: dict[str, dict[str, Entry]] = {}


class View(_Payload):
    id: Id
    callback_id: Plain = ""
    hash: Plain = ""
    private_metadata: str = ""
    blocks: list[Block] = []
    state: State = State()

    def inputs(self) -> list[tuple[str, str]]:
        """Block id and action id of each input, in order; where files are put in is none."""
        return [
            (block.block_id, block.element.action_id)
            for block in self.blocks
            if block.type == "input" and block.block_id and block.element and block.element.action_id
            if block.element.type != "file_input"
        ]


class Submitted(_Payload):
    """A `view_submission` request."""

    user: User
    view: View


class Filled(Submitted):
    """A `block_actions` request from a form that is still open."""

    actions: list[Action] = Field(min_length=1)


class Held(_Payload):
    """What our own forms carry unseen. `face` tells whether another drawing of the form looks the same."""

    context: dict[str, str] = {}
    kept: dict[str, list[str]] = {}
    face: str = ""


class File(Uploaded):
    """A file that came with a message; in shared channels only where to ask for it."""

    id: Plain | None = None
    file_access: str | None = None


class Profile(_Payload):
    display_name: str | None = None
    real_name: str | None = None
    name: str | None = None


class Written(_Payload):
    """A message as it stands in its channel."""

    user: Plain | None = None
    bot_id: Plain | None = None
    text: str | None = None
    ts: Id
    thread_ts: Plain | None = None
    files: list[File] = []


class Said(Written):
    """A message event; a mention of the bot comes as both kinds."""

    type: Literal["message", "app_mention"]
    subtype: str | None = None
    hidden: bool = False
    channel: Id
    parent_user_id: Plain | None = None
    user_team: Plain | None = None
    user_profile: Profile | None = None


class Delivery(_Payload):
    """An Events API request around a message."""

    event_id: Id
    event: Said


class Home(_Payload):
    """What stands on somebody's Home tab already, and whose app drew it."""

    team_id: Plain | None = None
    app_installed_team_id: Plain | None = None


class Looked(_Payload):
    """Somebody opened the app's pages."""

    type: Literal["app_home_opened"]
    user: Id
    channel: Plain = ""
    tab: Plain = "home"
    view: Home | None = None


class LookedDelivery(_Payload):
    """An Events API request around that."""

    event_id: Id
    team_id: Plain = ""
    event: Looked


class Item(_Payload):
    """What somebody reacted to."""

    type: str = ""
    channel: Plain = ""
    ts: Plain = ""


class Reacted(_Payload):
    """Somebody put a reaction on something."""

    type: Literal["reaction_added"]
    user: Id
    reaction: str = ""
    item: Item = Item()


class ReactedDelivery(_Payload):
    """An Events API request around that."""

    event_id: Id
    event: Reacted


class Shortcut(_Payload):
    """A `shortcut` or a `message_action` request."""

    callback_id: Plain = ""
    trigger_id: Id
    user: User
    channel: Channel | None = None
    message: Written | None = None
