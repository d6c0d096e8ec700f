"""The parts of Teams' activities that we use, strictly validated; everything else is ignored.

Botbuilder's own types reject almost nothing and lose some of what Teams sends (docs/adr/0004). Activities
that pass here are converted to them.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

Json = dict[str, Any]


class Malformed(Exception):
    """An activity with invalid content."""


class _Payload(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, alias_generator=to_camel)


class Party(_Payload):
    """A person or a bot. `id` is valid for this bot only, `aad_object_id` everywhere."""

    id: str = Field(min_length=1)
    name: str | None = None
    aad_object_id: str | None = None
    tenant_id: str | None = None
    role: str | None = None
    is_targeted: bool | None = None


class Conversation(_Payload):
    """In a channel, `id` also names the reply chain: `19:…@thread.tacv2;messageid=…`."""

    id: str = Field(min_length=1)
    tenant_id: str | None = None
    conversation_type: str | None = None
    is_group: bool | None = None

    @property
    def place(self) -> str:
        return self.id.partition(";")[0]

    @property
    def root(self) -> str | None:
        """The id of the reply chain's first message."""
        named = [part for part in self.id.split(";")[1:] if part.startswith("messageid=")]
        return named[0].removeprefix("messageid=") or None if named else None


class Named(_Payload):
    id: str | None = None
    type: str | None = None
    name: str | None = None
    aad_group_id: str | None = None
    """A team's id outside of bots. Only some events name it, such as that the app was added."""


class ChannelData(_Payload):
    tenant: Named | None = None
    team: Named | None = None
    channel: Named | None = None
    event_type: str | None = None


class Activity(_Payload):
    """Any activity that we can use: it says who, where, and how to answer."""

    type: str = Field(min_length=1)
    id: str = Field(min_length=1)
    channel_id: str
    service_url: str
    sender: Party = Field(alias="from")
    recipient: Party
    conversation: Conversation
    channel_data: ChannelData | None = None
    name: str | None = None
    action: str | None = None
    text: str | None = None
    value: Any = None
    entities: Any = None
    reply_to_id: str | None = None
    members_added: Any = None
    members_removed: Any = None
    attachments: Any = None
    timestamp: Any = None

    @property
    def about(self) -> ChannelData:
        return self.channel_data or ChannelData()

    @property
    def is_personal(self) -> bool:
        return self.conversation.conversation_type == "personal"

    @property
    def is_targeted(self) -> bool:
        """Whether only its sender and we can see it."""
        return self.recipient.is_targeted is True

    @property
    def host(self) -> str:
        """The conversation's tenant."""
        return self.conversation.tenant_id or self._tenant

    @property
    def home(self) -> str:
        """The sender's tenant according to the activity, or the conversation's."""
        return self.sender.tenant_id or self._tenant or self.host

    @property
    def _tenant(self) -> str:
        return (self.about.tenant and self.about.tenant.id) or ""


def activity(body: Json) -> Activity:
    """Validates a body. Raises Malformed."""
    try:
        return Activity.model_validate(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise Malformed(
            "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults[:5])
        ) from None
