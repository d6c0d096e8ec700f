"""Stores the installations of the app: the bot's identity and its encrypted tokens."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import TypeAdapter, ValidationError
from slack_sdk.oauth import installation_store as slack
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore

from adapters.slack.outbound.web_api import SlackFault
from bot.ports import KeyValueStore

TOPIC = "slack-installation"
MAKE_KEY = "make one with `openssl rand -base64 32`"
BOT_NAME, WORKSPACE_URL = "bot_name", "workspace_url"
"""Our own values in Bolt's data: the bot's name, and the workspace's address."""
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Installation:
    """One workspace (T…) or one whole organisation (E…) that installed the app."""

    id: str
    name: str
    token: str = field(repr=False)
    bot_user: str
    bot_id: str
    bot_name: str
    enterprise: str = ""
    refresh: str = field(default="", repr=False)
    ends_at: int = 0
    """When the token expires, in seconds since 1970; 0: never."""
    since: int = 0
    """When it was installed, in seconds since 1970."""
    gone: bool = False
    """Whether it was uninstalled; kept without its token, so that we can report it."""
    url: str = ""
    """The workspace's address; empty if an earlier version stored it."""

    @property
    def org_wide(self) -> bool:
        """Whether it covers all workspaces of an organisation."""
        return self.id.startswith("E")

    @classmethod
    def from_bolt(cls, bot: slack.Bot) -> Installation:
        """Converts from Bolt's type."""
        org_wide = bot.is_enterprise_install
        id_ = (bot.enterprise_id if org_wide else bot.team_id) or ""
        return cls(
            id=id_,
            name=(bot.enterprise_name if org_wide else bot.team_name) or id_,
            token=bot.bot_token,
            bot_user=bot.bot_user_id,
            bot_id=bot.bot_id,
            bot_name=str(bot.get_custom_value(BOT_NAME) or ""),
            enterprise=bot.enterprise_id or "",
            refresh=bot.bot_refresh_token or "",
            ends_at=bot.bot_token_expires_at or 0,
            since=int(bot.installed_at),
            url=str(bot.get_custom_value(WORKSPACE_URL) or ""),
        )

    def to_bolt(self) -> slack.Bot:
        """Converts to Bolt's type."""
        return slack.Bot(
            enterprise_id=self.enterprise or None,
            enterprise_name=self.name if self.org_wide else None,
            team_id=None if self.org_wide else self.id,
            team_name=None if self.org_wide else self.name,
            bot_token=self.token,
            bot_id=self.bot_id,
            bot_user_id=self.bot_user,
            bot_refresh_token=self.refresh or None,
            bot_token_expires_at=self.ends_at or None,
            is_enterprise_install=self.org_wide,
            installed_at=float(self.since),
            custom_values={BOT_NAME: self.bot_name, WORKSPACE_URL: self.url},
        )


_INSTALLATION = TypeAdapter(Installation)


class SecretKeys:
    """FRONTLINE_SECRET_KEY: the first key encrypts, every key decrypts."""

    def __init__(self, text: str) -> None:
        """Raises ValueError, which says how to fix it and shows no key."""
        keys = [part.strip() for part in text.split(",") if part.strip()]
        if not keys:
            raise ValueError(f"is empty; {MAKE_KEY}")
        self._first = Fernet(_key(keys[0]))
        self._all = MultiFernet([Fernet(_key(key)) for key in keys])

    def encrypt(self, text: str) -> str:
        return self._all.encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str) -> str | None:
        """Returns None if no key fits."""
        try:
            return self._all.decrypt(encrypted.encode()).decode()
        except InvalidToken:
            return None

    def uses_first_key(self, encrypted: str) -> bool:
        """Returns whether the first key encrypted it."""
        try:
            self._first.decrypt(encrypted.encode())
        except InvalidToken:
            return False
        return True

    def encrypt_at(self, text: str, now: int) -> str:
        """Encrypts for `decrypt_recent`; `now` is in seconds since 1970."""
        return self._all.encrypt_at_time(text.encode(), now).decode()

    def decrypt_recent(self, encrypted: str, now: int, life: int) -> str | None:
        """Returns None if no key fits, or if it was encrypted more than `life` seconds ago."""
        try:
            return self._all.decrypt_at_time(encrypted.encode("utf-8", "replace"), life, now).decode()
        except InvalidToken:
            return None


class EncryptedInstallationStore(AsyncInstallationStore):
    """Keeps all installations in the key-value store, by Bolt's protocol for apps with bot tokens only.

    So it finds bots, and stores no user's installation. It caches nothing: each call sees what other
    processes stored.
    """

    def __init__(self, key_values: KeyValueStore, keys: SecretKeys) -> None:
        self._key_values, self._keys = key_values, keys

    async def open(self) -> None:
        """Re-encrypts with the first key what an older one encrypted. Raises SlackFault if no key fits."""
        for id_, encrypted in (await self._key_values.get_all(TOPIC)).items():
            installation = self._read(id_, encrypted)
            # Token rotation re-encrypts too, and writing here could undo a rotation in progress.
            if not installation.refresh and not self._keys.uses_first_key(encrypted):
                await self._save(installation)

    async def all(self) -> list[Installation]:
        """Returns all installations, uninstalled ones too. Raises SlackFault."""
        notes = await self._key_values.get_all(TOPIC)
        return [self._read(id_, encrypted) for id_, encrypted in sorted(notes.items())]

    async def find(self, id: str) -> Installation | None:
        """Finds the installation of a workspace or an organisation. Raises SlackFault."""
        encrypted = await self._key_values.get(TOPIC, id)
        return None if encrypted is None else self._read(id, encrypted)

    async def async_save(self, installation: slack.Installation) -> None:
        await self.async_save_bot(installation.to_bot())

    async def async_save_bot(self, bot: slack.Bot) -> None:
        await self._save(Installation.from_bolt(bot))

    async def async_find_bot(
        self, *, enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False
    ) -> slack.Bot | None:
        """Raises SlackFault."""
        installation = await self.find((enterprise_id if is_enterprise_install else team_id) or "")
        return None if installation is None or installation.gone else installation.to_bolt()

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Marks an installation as uninstalled: deletes its tokens, keeps its name. Raises SlackFault."""
        installation = await self.find(team_id or enterprise_id or "")
        if installation is not None:
            await self._save(replace(installation, token="", refresh="", ends_at=0, gone=True))

    async def async_delete_installation(
        self, *, enterprise_id: str | None, team_id: str | None, user_id: str | None = None
    ) -> None:
        """The same, as only bots are stored. Raises SlackFault."""
        await self.async_delete_bot(enterprise_id=enterprise_id, team_id=team_id)

    async def _save(self, installation: Installation) -> None:
        text = _INSTALLATION.dump_json(installation).decode()
        await self._key_values.put(TOPIC, installation.id, self._keys.encrypt(text))

    def _read(self, id: str, encrypted: str) -> Installation:
        text = self._keys.decrypt(encrypted)
        if text is None:
            raise SlackFault(
                f"FRONTLINE_SECRET_KEY does not decrypt the stored installation {id}: add the key it was "
                "stored with, after a comma; if that key is lost, delete the rows of the table note whose "
                f"topic is {TOPIC}, and install the app again at /slack/install"
            )
        try:
            return _INSTALLATION.validate_json(text)
        except ValidationError:
            raise SlackFault(
                f"The stored installation {id} is invalid: delete its row in the table note "
                f"(topic {TOPIC}), and install the app again at /slack/install"
            ) from None


def _key(text: str) -> bytes:
    """Converts a key in either base64 alphabet to Fernet's. Raises ValueError."""
    try:
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise ValueError(f"has a part that is not a key of {_KEY_BYTES} bytes in base64; {MAKE_KEY}")
    return base64.urlsafe_b64encode(raw)
