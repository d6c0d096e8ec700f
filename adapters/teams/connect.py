"""Teams as the desk sees it: a place to speak, and requests to answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, tzinfo

from aiohttp import web

from adapters.teams.answers import Answers
from adapters.teams.auth import Gate
from adapters.teams.cards import view_card
from adapters.teams.cloud import App, Cloud
from adapters.teams.connector import Connector
from adapters.teams.credentials import Credentials
from adapters.teams.errors import TeamsFault
from adapters.teams.inbound.endpoint import Endpoint
from adapters.teams.inbound.handler import TeamsHandler, TicketOf
from adapters.teams.inbound.pipeline import Pipeline
from adapters.teams.keys import Keys
from adapters.teams.people import People
from adapters.teams.rates import costs
from adapters.teams.reader import NAME, Reader
from adapters.teams.references import References
from adapters.teams.sealed import Forms
from adapters.teams.speech import Speech
from adapters.teams.text import UTC_ZONE, Pen
from bot.address import MessageRef, Place, UserRef
from bot.doctor import Finding, Health
from bot.exchange import Dispatch
from bot.ports import Clock, Cost, Notebook, Priority
from bot.settings import DeskSettings
from bot.views import View

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MICROSOFT = Cloud()


class Teams:
    """One bot registration. `start` it before it speaks or listens."""

    name = NAME

    def __init__(
        self,
        app: App,
        clock: Clock,
        notebook: Notebook,
        ticket_of: TicketOf,
        *,
        cloud: Cloud = MICROSOFT,
        only_here: bool = False,
        plain_dates: bool = False,
        plain_zone: tzinfo = UTC_ZONE,
    ) -> None:
        """`only_here`: of what claims to be Teams, only a service on this machine is listened to."""
        self._app = app
        self._references = References(notebook)
        here = only_here or app.anonymous
        self._connector = Connector(Credentials(app, cloud.login), cloud, only_here=here)
        self._speech = Speech(app, "" if here else cloud.service, self._connector, self._references)
        self._people = People(app, self._connector, self._references)
        # The playground, which is what unsigned requests come from, has no dialogs.
        self._pen = Pen(plain_zone, plain_dates, mri=self._mri, dialogs=not app.anonymous)
        self._forms = Forms(app.password)
        self._answers = Answers(self._speech, self._forms, self._pen)
        self._gate = Gate(app, Keys(cloud.metadata, self._connector.document), only_here=here)
        self._pipeline = Pipeline(self._connector)
        self._reader, self._ticket_of = Reader(app.tenant, clock), ticket_of

    async def start(self) -> None:
        """Gets the first token. Raises TeamsFault, one line with its cure."""
        if not self._app.anonymous and not (self._app.id and self._app.password and self._app.tenant):
            raise TeamsFault(
                "MICROSOFT_APP_ID, MICROSOFT_APP_PASSWORD and MICROSOFT_APP_TENANT_ID are all needed:"
                " copy them from the app's registration in Entra"
            )
        await self._connector.open()
        await self._references.open()

    async def close(self) -> None:
        """After the replies that are under way."""
        await self._answers.settle()
        await self._references.close()
        await self._connector.close()

    async def learn(self) -> None:
        """What another process notes is read when it is asked for."""

    async def examine(self, settings: DeskSettings) -> AsyncIterator[Finding]:
        """What `frontline doctor` wants to know; the token was taken, else we had not started."""
        yield Finding(Health.WELL, "teams", "the app's password is taken by Microsoft")
        chat = settings.chats[NAME]
        places = [(chat.triage, "triage")] if chat.triage else []
        places += [
            (place, account.id)
            for account in settings.accounts.values()
            for place in account.channels
            if place.platform == NAME
        ]
        for place, what in places:
            about = f"channel {place.id} ({what})"
            if await self._references.where(place.id):
                yield Finding(Health.WELL, about, "Teams has told us where it is")
            else:
                says = "not known yet: add the app to its team and mention it there once"
                yield Finding(Health.FAULT, about, says)

    def troubles(self) -> list[str]:
        """Nothing keeps Teams' requests from us: they come to our own address."""
        return []

    def routes(self, dispatch: Dispatch) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of everything Teams sends us."""
        return [("POST", "/api/messages", self.endpoint(dispatch).receive)]

    def endpoint(self, dispatch: Dispatch) -> Endpoint:
        handler = TeamsHandler(
            dispatch,
            reader=self._reader,
            answers=self._answers,
            forms=self._forms,
            people=self._people,
            references=self._references,
            ticket_of=self._ticket_of,
        )
        return Endpoint(self._gate, self._pipeline, handler)

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        """Say something new; Teams keeps no key of ours. Raises NotNow, Never."""
        card = view_card(view, self._pen)
        return await (
            self._speech.post(to, card, thread) if isinstance(to, Place) else self._speech.tell(to, card)
        )

    async def update(self, message: MessageRef, view: View) -> None:
        """Replace what was said; nobody is notified. Raises NotNow, Never."""
        await self._speech.update(message, view_card(view, self._pen))

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        """There is no telling: a bot cannot read back what it said."""
        return None

    def costs(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Cost]:
        """Of what Teams lets through in a conversation and in a tenant."""
        return costs(self._app.tenant, to.id)

    def is_group(self, id: str) -> bool:
        """Whether an id names a channel or team, whose own people are meant, rather than a person."""
        return id.startswith("19:")

    async def members(self, group: str) -> frozenset[UserRef]:
        """The vendor's own people in a channel or team; its guests and other organisations' are left out."""
        return await self._people.of(group)

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        """The channels and groups with the bot in them that a person belongs to."""
        return await self._people.places(user)

    def _mri(self, user: UserRef) -> str | None:
        """Entra's id mentions people of the vendor's own tenant as well."""
        known = self._references.mri(user.id)
        return known or (user.id if user.home in ("", self._app.tenant) else None)
