"""Through which installation a channel or a person was last reached, across restarts."""

from __future__ import annotations

from dataclasses import dataclass

from bot.ports import Notebook

TOPIC = "slack-place"


@dataclass(frozen=True, slots=True)
class Spot:
    """As text: `T0VENDOR/T0VENDOR`, with a question mark in front of what was only heard of."""

    installation: str
    team: str
    sure: bool
    """Whether we spoke there. A shared channel is heard of through either side's installation."""

    def __str__(self) -> str:
        return f"{'' if self.sure else '?'}{self.installation}/{self.team}"

    @classmethod
    def parse(cls, text: str) -> Spot:
        installation, _, team = text.removeprefix("?").partition("/")
        return cls(installation, team, not text.startswith("?"))


class Atlas:
    """Written only when something changed."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._spots: dict[str, Spot] = {}

    async def open(self) -> None:
        """Reads what other processes found out as well."""
        notes = await self._notebook.notes(TOPIC)
        self._spots = {id_: Spot.parse(text) for id_, text in notes.items()}

    def spot(self, id: str) -> Spot | None:
        return self._spots.get(id)

    async def heard(self, id: str, installation: str, team: str) -> None:
        """Something came from there; where we spoke before we know better."""
        known = self._spots.get(id)
        if known is None or not known.sure:
            await self._note(id, Spot(installation, team, sure=False))

    async def spoke(self, id: str, installation: str, team: str) -> None:
        """We were let through there."""
        await self._note(id, Spot(installation, team, sure=True))

    async def _note(self, id: str, spot: Spot) -> None:
        if self._spots.get(id) != spot:
            await self._notebook.note(TOPIC, id, str(spot))
            self._spots[id] = spot
