"""Slack as the desk sees it: a place to speak, and requests to answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, tzinfo

from adapters.slack import rates
from adapters.slack.answers import Answers
from adapters.slack.blocks import page
from adapters.slack.examine import examine
from adapters.slack.inbound.app import Door, Handler, bolt_app
from adapters.slack.inbound.listeners import Listeners
from adapters.slack.marks import CLOCKS_DIFFER, metadata
from adapters.slack.offices import Offices, Sharing
from adapters.slack.reader import Identity, place
from adapters.slack.socket import Socket
from adapters.slack.text import UTC_ZONE, Pen
from adapters.slack.web_api import SlackFault, WebApi
from adapters.slack.workspaces.workspace import OneWorkspace, Workspace, Workspaces, dresser
from bot.address import MessageRef, Place, UserRef
from bot.doctor import Finding
from bot.exchange import Dispatch
from bot.ports import Clock, Cost, Never, NotNow, Priority
from bot.settings import DeskSettings
from bot.views import View

API_URL = "https://slack.com/api/"
_PAGE = 200


class Slack:
    """One workspace, or all that install the app; over HTTP or a socket. `start` it before anything else."""

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
        app_token: str = "",
        sharing: Sharing | None = None,
    ) -> None:
        """`plain_dates` and `keeps_untouched` are for a client other than Slack's own: see Pen and modals.

        With an app token requests come over a socket, and no signing secret is needed; with `sharing` there
        may be many workspaces, and no bot token is.
        """
        self._secret = signing_secret
        self._pen = Pen(plain_dates, plain_zone)
        dress = dresser(clock, self._pen, keeps_untouched)
        self._offices = Offices(sharing, api_url, dress) if sharing else None
        self._workspaces: Workspaces = (
            self._offices.workspaces if self._offices else OneWorkspace(bot_token, api_url, dress)
        )
        self._socket = Socket(app_token, api_url) if app_token else None
        self._tokenless = WebApi("", api_url)
        self._nowhere = Answers(self._tokenless, self._pen, keeps_untouched=keeps_untouched)
        self._conversations: dict[str, str] = {}

    async def start(self) -> None:
        """Finds out who we are. Raises SlackFault, one line with its cure."""
        if not self._socket and not self._secret.strip():
            raise SlackFault("SLACK_SIGNING_SECRET is empty: copy it from the app's page Basic Information")
        self._tokenless.connect()
        try:
            if self._offices:
                await self._offices.open()
            await self._workspaces.open()
            if self._socket:
                await self._socket.open()
        except BaseException:
            await self.close()
            raise

    async def settle(self) -> None:
        """Waits for the replies that are under way."""
        await self._nowhere.settle()
        await self._workspaces.settle()

    async def close(self) -> None:
        """After the requests and replies that are under way."""
        if self._socket:
            await self._socket.close()
        await self.settle()
        await self._workspaces.close()
        if self._offices:
            await self._offices.close()
        await self._tokenless.close()

    async def learn(self) -> None:
        """Takes what other processes stored, and renews the tokens that end soon. Raises SlackFault."""
        await self._workspaces.look()

    @property
    def us(self) -> Identity:
        """Who we are where agents work."""
        return self._workspaces.us

    def troubles(self) -> list[str]:
        """What keeps Slack's requests from reaching us."""
        return self._socket.troubles() if self._socket else []

    def examine(self, settings: DeskSettings) -> AsyncIterator[Finding]:
        """What `frontline doctor` wants to know."""
        return examine(self._workspaces, settings)

    def routes(self, dispatch: Dispatch) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of everything Slack sends us; over a socket we listen from now on."""
        listeners = Listeners(dispatch, self._workspaces, self._nowhere)
        door = Door(bolt_app(listeners, self._workspaces, self._tokenless.url))
        routes = self._offices.routes() if self._offices else []
        if self._socket:
            self._socket.listen(door.over_socket)
        else:
            routes.append(("POST", "/slack/events", door.over_http(self._secret)))
        return routes

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        """Say something new; `key` rides along unseen, for `find`."""
        drawn = page(view, self._pen)
        channel = to.id if isinstance(to, Place) else await self._conversation(to)
        _, said = await self._workspaces.tell(
            channel,
            "chat.postMessage",
            {
                "channel": channel,
                "text": drawn.text,
                "blocks": drawn.blocks,
                "unfurl_links": False,
                "unfurl_media": False,
                **({"thread_ts": thread.id} if thread else {}),
                **({"metadata": metadata(key)} if key else {}),
            },
        )
        return MessageRef(place(str(said["channel"])), str(said["ts"]))

    async def update(self, message: MessageRef, view: View) -> None:
        """Replace what was said; nobody is notified."""
        drawn = page(view, self._pen)
        where = {"channel": message.place.id, "ts": message.id}
        said = {**where, "text": drawn.text, "blocks": drawn.blocks}
        await self._workspaces.tell(message.place.id, "chat.update", said)

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        """The message that was posted under this key since then. Raises NotNow, Never."""
        channel = to.id if isinstance(to, Place) else await self._conversation(to)
        asked = {
            "channel": channel,
            "oldest": f"{(since - CLOCKS_DIFFER).timestamp():.6f}",
            "include_all_metadata": True,
            "limit": _PAGE,
        }
        method = "conversations.replies" if thread else "conversations.history"
        asked |= {"ts": thread.id} if thread else {}
        while True:
            _, read = await self._workspaces.tell(channel, method, asked)
            for message in read.get("messages", ()):
                if message.get("metadata") == metadata(key):
                    return MessageRef(place(channel), str(message["ts"]))
            cursor = (read.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            asked |= {"cursor": cursor}

    def costs(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Cost]:
        """Of what Slack lets through for a method and in a channel."""
        return rates.costs(self._workspaces.team_of(to.id), to.id, edits is not None, priority)

    def is_group(self, id: str) -> bool:
        """Whether an id names a user group rather than a person."""
        return id.startswith("S")

    async def members(self, group: str) -> frozenset[UserRef]:
        """The people of a user group; all of them are of the workspace that it belongs to."""
        refusals: list[Never] = []
        for at in await self._workspaces.everyone():
            try:
                found = await at.api.tell("usergroups.users.list", {"usergroup": group, **at.of_team()})
            except Never as unknown:
                refusals.append(unknown)
            else:
                return frozenset(UserRef("slack", at.us.team, user) for user in found.get("users", ()))
        raise refusals[0] if refusals else NotNow("no workspace has installed the app yet")

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        """The channels with the bot in them that a person belongs to."""
        found: set[str] = set()
        refusals: list[Never] = []
        everyone = await self._workspaces.everyone()
        asked = [at for at in everyone if at is everyone[0] or at.us.team == user.home]
        for at in asked:
            try:
                # Slack also names public channels of theirs that we are not in.
                found |= await self._channels(at, user.id) & await self._channels(at, None)
            except Never as unknown:
                refusals.append(unknown)
        if asked and len(refusals) == len(asked):
            raise refusals[0]
        return frozenset(where for where in map(place, found) if not where.direct)

    async def _channels(self, at: Workspace, user: str | None) -> set[str]:
        found: set[str] = set()
        asked = {"types": "public_channel,private_channel", "exclude_archived": "true", "limit": _PAGE}
        asked |= at.of_team()
        cursor = ""
        while True:
            whose = {"user": user} if user else {}
            more = {"cursor": cursor} if cursor else {}
            listed = await at.api.tell("users.conversations", {**asked, **whose, **more})
            found |= {channel["id"] for channel in listed.get("channels", ())}
            cursor = (listed.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return found

    async def _conversation(self, user: UserRef) -> str:
        if user.platform != self.name:
            raise Never(f"{user} is not on Slack")
        if user.id not in self._conversations:
            asked = {"users": user.id}
            at, opened = await self._workspaces.tell(user.id, "conversations.open", asked, user.home)
            channel = str(opened["channel"]["id"])
            await self._workspaces.remember(channel, at)
            self._conversations[user.id] = channel
        return self._conversations[user.id]
