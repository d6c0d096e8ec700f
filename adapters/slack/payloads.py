"""The parts of Slack's requests that we read; whatever else stands in them is passed over."""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Payload = TypeVar("Payload", bound=BaseModel)


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


class _Payload(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class Slash(_Payload):
    command: str = Field(min_length=2)
    text: str = ""
    trigger_id: str = Field(min_length=1)
    user_id: str = Field(min_length=1)
    user_name: str = ""
    team_id: str = ""
    channel_id: str = Field(min_length=1)


class User(_Payload):
    id: str = Field(min_length=1)
    team_id: str | None = None
    name: str | None = None
    username: str | None = None

    @property
    def called(self) -> str:
        return self.name or self.username or self.id


class Container(_Payload):
    type: str = ""
    message_ts: str | None = None
    channel_id: str | None = None
    thread_ts: str | None = None
    view_id: str | None = None
    is_ephemeral: bool = False


class Action(_Payload):
    type: str
    action_id: str = Field(min_length=1)
    action_ts: str = ""
    value: str | None = None


class Channel(_Payload):
    id: str = Field(min_length=1)


class Pressed(_Payload):
    """A `block_actions` request."""

    user: User
    container: Container = Container()
    actions: list[Action] = Field(min_length=1)
    trigger_id: str = ""
    response_url: str | None = None
    channel: Channel | None = None


class Chosen(_Payload):
    value: str


class Entry(_Payload):
    """What stands in one input."""

    value: str | None = None
    selected_option: Chosen | None = None
    selected_options: list[Chosen] | None = None


class Element(_Payload):
    action_id: str | None = None


class Block(_Payload):
    type: str
    block_id: str | None = None
    element: Element | None = None


class State(_Payload):
    values: dict[str, dict[str, Entry]] = {}


class View(_Payload):
    id: str = Field(min_length=1)
    callback_id: str = ""
    hash: str = ""
    private_metadata: str = ""
    blocks: list[Block] = []
    state: State = State()

    def inputs(self) -> list[tuple[str, str]]:
        """Block id and action id of each input, in order."""
        return [
            (block.block_id, block.element.action_id)
            for block in self.blocks
            if block.type == "input" and block.block_id and block.element and block.element.action_id
        ]


class Submitted(_Payload):
    """A `view_submission` request."""

    user: User
    view: View


class Held(_Payload):
    """What our own forms carry unseen."""

    context: dict[str, str] = {}
    kept: dict[str, list[str]] = {}


class File(_Payload):
    name: str | None = None
    title: str | None = None


class Profile(_Payload):
    display_name: str | None = None
    real_name: str | None = None
    name: str | None = None


class Said(_Payload):
    """A message event."""

    type: Literal["message"]
    subtype: str | None = None
    hidden: bool = False
    user: str | None = None
    bot_id: str | None = None
    text: str | None = None
    ts: str = Field(min_length=1)
    channel: str = Field(min_length=1)
    thread_ts: str | None = None
    parent_user_id: str | None = None
    user_team: str | None = None
    user_profile: Profile | None = None
    files: list[File] = []


class Delivery(_Payload):
    """An Events API request around a message."""

    event_id: str = Field(min_length=1)
    event: Said
