"""Through which installation a channel or a person was last reached, across restarts."""

from __future__ import annotations

from dataclasses import dataclass

from bot.ports import KeyValueStore

TOPIC = "slack-place"


@dataclass(frozen=True, slots=True)
class Route:
    """As text: `T0VENDOR/T0VENDOR`, with a question mark in front of what was only heard of."""

    installation: str
    team: str
    confirmed: bool
    """Whether we spoke there. A shared channel is heard of through either side's installation."""

    def __str__(self) -> str:
        return f"{'' if self.confirmed else '?'}{self.installation}/{self.team}"

    @classmethod
    def parse(cls, text: str) -> Route:
        installation, _, team = text.removeprefix("?").partition("/")
        return cls(installation, team, not text.startswith("?"))


class ChannelRoutes:
    """Written only when something changed."""

    def __init__(self, key_values: KeyValueStore) -> None:
        self._key_values = key_values
        self._routes: dict[str, Route] = {}

    async def refresh(self) -> None:
        """Reads what other processes found out as well."""
        notes = await self._key_values.get_all(TOPIC)
        self._routes = {id_: Route.parse(text) for id_, text in notes.items()}

    def find(self, id: str) -> Route | None:
        return self._routes.get(id)

    async def record_received(self, id: str, installation: str, team: str) -> None:
        """Something came from there; where we spoke before we know better."""
        known = self._routes.get(id)
        if known is None or not known.confirmed:
            await self._record(id, Route(installation, team, confirmed=False))

    async def record_reached(self, id: str, installation: str, team: str) -> None:
        """We were let through there."""
        await self._record(id, Route(installation, team, confirmed=True))

    async def _record(self, id: str, route: Route) -> None:
        if self._routes.get(id) != route:
            await self._key_values.put(TOPIC, id, str(route))
            self._routes[id] = route
