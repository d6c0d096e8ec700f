"""Where the app is installed: who we are there, and its tokens, which are kept encrypted."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import TypeAdapter, ValidationError

from adapters.slack.web_api import SlackFault
from bot.ports import Notebook

TOPIC = "slack-installation"
MAKE_KEY = "make one with `openssl rand -base64 32`"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Installation:
    """One workspace (T…), or one whole organisation (E…), that let us in."""

    id: str
    name: str
    token: str = field(repr=False)
    bot_user: str
    bot_id: str
    bot_name: str
    enterprise: str = ""
    refresh: str = field(default="", repr=False)
    ends_at: int = 0
    """When the token ends, in seconds since 1970; 0: never."""
    since: int = 0
    """When it was installed, in seconds since 1970."""
    gone: bool = False
    """It was uninstalled; kept without its token, to be able to say so."""

    @property
    def everywhere(self) -> bool:
        """Whether it holds for all workspaces of an organisation."""
        return self.id.startswith("E")


_INSTALLATION = TypeAdapter(Installation)


class SecretKeys:
    """FRONTLINE_SECRET_KEY: the first key seals, each of them opens."""

    def __init__(self, text: str) -> None:
        """Raises ValueError, which names the cure and no key."""
        keys = [part.strip() for part in text.split(",") if part.strip()]
        if not keys:
            raise ValueError(f"is empty; {MAKE_KEY}")
        self._first = Fernet(_key(keys[0]))
        self._all = MultiFernet([Fernet(_key(key)) for key in keys])

    def seal(self, text: str) -> str:
        return self._all.encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str | None:
        """None where no key fits."""
        try:
            return self._all.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None

    def is_newest(self, sealed: str) -> bool:
        """Whether the first key sealed it."""
        try:
            self._first.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True

    def seal_at(self, text: str, now: int) -> str:
        """For `unseal_fresh`; `now` is in seconds since 1970."""
        return self._all.encrypt_at_time(text.encode(), now).decode()

    def unseal_fresh(self, sealed: str, now: int, life: int) -> str | None:
        """None where no key fits, or where it was sealed longer ago than `life` seconds."""
        try:
            return self._all.decrypt_at_time(sealed.encode("utf-8", "replace"), life, now).decode()
        except InvalidToken:
            return None


class Installations:
    """All of them, in the notebook. What another process keeps is seen when it is asked for again."""

    def __init__(self, notebook: Notebook, keys: SecretKeys) -> None:
        self._notebook, self._keys = notebook, keys

    async def open(self) -> None:
        """Seals anew what an older key sealed. Raises SlackFault where no key fits."""
        for id_, sealed in (await self._notebook.notes(TOPIC)).items():
            kept = self._read(id_, sealed)
            # One that is renewed now and then is sealed anew by that: here it might undo another's renewal.
            if not kept.refresh and not self._keys.is_newest(sealed):
                await self.keep(kept)

    async def all(self) -> list[Installation]:
        """Those that were uninstalled as well. Raises SlackFault."""
        notes = await self._notebook.notes(TOPIC)
        return [self._read(id_, sealed) for id_, sealed in sorted(notes.items())]

    async def find(self, id: str) -> Installation | None:
        """Raises SlackFault."""
        sealed = await self._notebook.noted(TOPIC, id)
        return None if sealed is None else self._read(id, sealed)

    async def keep(self, installation: Installation) -> None:
        """In place of the one before."""
        text = _INSTALLATION.dump_json(installation).decode()
        await self._notebook.note(TOPIC, installation.id, self._keys.seal(text))

    async def drop(self, id: str) -> Installation | None:
        """It was uninstalled: its tokens are forgotten, its name is not. Raises SlackFault."""
        kept = await self.find(id)
        if kept is None:
            return None
        gone = replace(kept, token="", refresh="", ends_at=0, gone=True)
        await self.keep(gone)
        return gone

    def _read(self, id: str, sealed: str) -> Installation:
        text = self._keys.unseal(sealed)
        if text is None:
            raise SlackFault(
                f"FRONTLINE_SECRET_KEY does not open the stored installation {id}: add the key it was stored "
                "with, after a comma; if that is lost, delete the rows of the table note whose topic is "
                f"{TOPIC}, and install the app again at /slack/install"
            )
        try:
            return _INSTALLATION.validate_json(text)
        except ValidationError:
            raise SlackFault(
                f"The stored installation {id} makes no sense: delete its row in the table note "
                f"(topic {TOPIC}), and install the app again at /slack/install"
            ) from None


def _key(text: str) -> bytes:
    """A key as Fernet wants it, from either alphabet of base64. Raises ValueError."""
    try:
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise ValueError(f"has a part that is no key of {_KEY_BYTES} bytes in base64; {MAKE_KEY}")
    return base64.urlsafe_b64encode(raw)
