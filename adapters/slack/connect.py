"""Slack as the desk sees it: a place to speak, and requests to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import tzinfo

from aiohttp import web

from adapters.slack.answers import Answers
from adapters.slack.blocks import page
from adapters.slack.inbound import Identity, Reader, place
from adapters.slack.names import Names
from adapters.slack.requests import Requests
from adapters.slack.text import UTC_ZONE, Pen
from adapters.slack.web_api import SlackFault, WebApi
from bot.address import MessageRef, Place, UserRef
from bot.exchange import Dispatch
from bot.ports import Clock, Never
from bot.views import View

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

API_URL = "https://slack.com/api/"
_PAGE = 200


class Slack:
    """One workspace over HTTP. `start` it before it speaks or listens."""

    name = "slack"

    def __init__(
        self,
        bot_token: str,
        signing_secret: str,
        clock: Clock,
        *,
        api_url: str = API_URL,
        plain_dates: bool = False,
        plain_zone: tzinfo = UTC_ZONE,
        keeps_untouched: bool = False,
    ) -> None:
        """`plain_dates` and `keeps_untouched` are for a client other than Slack's own: see Pen and modals."""
        self._secret, self._clock = signing_secret, clock
        self._pen = Pen(plain_dates, plain_zone)
        self._api = WebApi(bot_token, api_url)
        self._answers = Answers(self._api, self._pen, keeps_untouched=keeps_untouched)
        self._names = Names(self._api)
        self._known: Identity | None = None
        self._conversations: dict[str, str] = {}

    async def start(self) -> None:
        """Finds out who we are. Raises SlackFault, one line with its cure."""
        if not self._secret.strip():
            raise SlackFault("SLACK_SIGNING_SECRET is empty: copy it from the app's page Basic Information")
        self._known = await self._api.open()

    async def close(self) -> None:
        """After the replies that are under way."""
        await self._answers.settle()
        await self._api.close()

    @property
    def us(self) -> Identity:
        if self._known is None:
            raise RuntimeError("Slack is not started")
        return self._known

    def routes(self, dispatch: Dispatch) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of everything Slack sends us."""
        requests = Requests(
            secret=self._secret,
            url=self._api.url,
            reader=lambda: Reader(self.us, self._clock),
            answers=self._answers,
            names=self._names,
        )
        return [("POST", "/slack/events", requests.handler(dispatch))]

    async def post(self, to: Place | UserRef, view: View, thread: MessageRef | None) -> MessageRef:
        """Say something new."""
        drawn = page(view, self._pen)
        channel = to.id if isinstance(to, Place) else await self._conversation(to)
        said = await self._api.tell(
            "chat.postMessage",
            {
                "channel": channel,
                "text": drawn.text,
                "blocks": drawn.blocks,
                "unfurl_links": False,
                "unfurl_media": False,
                **({"thread_ts": thread.id} if thread else {}),
            },
        )
        return MessageRef(place(str(said["channel"])), str(said["ts"]))

    async def update(self, message: MessageRef, view: View) -> None:
        """Replace what was said; nobody is notified."""
        drawn = page(view, self._pen)
        where = {"channel": message.place.id, "ts": message.id}
        await self._api.tell("chat.update", {**where, "text": drawn.text, "blocks": drawn.blocks})

    def is_group(self, id: str) -> bool:
        """Whether an id names a user group rather than a person."""
        return id.startswith("S")

    async def members(self, group: str) -> frozenset[UserRef]:
        """The people of a user group; all of them are of the workspace that it belongs to."""
        found = await self._api.tell("usergroups.users.list", {"usergroup": group})
        return frozenset(UserRef("slack", self.us.team, user) for user in found.get("users", ()))

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        """The channels with the bot in them that a person belongs to."""
        # Slack also names public channels of theirs that we are not in.
        theirs, ours = await self._channels(user.id), await self._channels(None)
        return frozenset(where for where in map(place, theirs & ours) if not where.direct)

    async def _channels(self, user: str | None) -> set[str]:
        found: set[str] = set()
        asked = {"types": "public_channel,private_channel", "exclude_archived": "true", "limit": _PAGE}
        cursor = ""
        while True:
            whose = {"user": user} if user else {}
            more = {"cursor": cursor} if cursor else {}
            listed = await self._api.tell("users.conversations", {**asked, **whose, **more})
            found |= {channel["id"] for channel in listed.get("channels", ())}
            cursor = (listed.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return found

    async def _conversation(self, user: UserRef) -> str:
        if user.platform != self.name:
            raise Never(f"{user} is not on Slack")
        if user.id not in self._conversations:
            opened = await self._api.tell("conversations.open", {"users": user.id})
            self._conversations[user.id] = str(opened["channel"]["id"])
        return self._conversations[user.id]
