"""Who installed the app: codes, tokens and refresh tokens, each good for what Slack lets it be good for."""

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from demo.slack.args import Args
from demo.slack.elements import Json
from demo.slack.state import SlackError, World

TOKEN_LIFE = 43_200
_TEAM_NEEDED = {"usergroups.list", "usergroups.users.list", "users.conversations", "conversations.list"}


@dataclass
class Grant:
    """One installation: of one workspace, or of an organisation with several."""

    worlds: list[World]
    scopes: list[str]
    enterprise: Json | None = None
    everywhere: bool = False
    tokens: list[str] = field(default_factory=list)


@dataclass
class Apps:
    client_id: str = "1.2"
    client_secret: str = "client-secret"
    app_token: str = "xapp-1-frontline"
    rotates: bool = False
    bearers: dict[str, Grant] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    """Tokens of an app that was uninstalled."""
    codes: dict[str, Grant] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    refreshers: dict[str, Grant] = field(default_factory=dict)
    exchanges: int = 0
    """How often a code or a refresh token was exchanged."""

    def agree(
        self,
        address: str,
        world: World,
        *,
        scopes: Sequence[str] | None = None,
        enterprise: Json | None = None,
        everywhere: Sequence[World] = (),
    ) -> dict[str, str]:
        """Somebody agrees on Slack's page at this address; what Slack sends them back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        if asked.get("client_id") != self.client_id:
            raise SlackError("invalid_client_id")
        granted = list(scopes) if scopes is not None else asked["scope"].split(",")
        code = f"code-{uuid.uuid4().hex}"
        worlds = list(everywhere) or [world]
        self.codes[code] = Grant(worlds, granted, enterprise, bool(everywhere))
        return {"code": code, "state": asked["state"]}

    def uninstall(self, world: World) -> Grant:
        """All tokens of that workspace die."""
        token, grant = next((t, g) for t, g in self.bearers.items() if world in g.worlds)
        self.revoked |= {token, *grant.tokens}
        self.refreshers = {r: g for r, g in self.refreshers.items() if g is not grant}
        return grant

    def bearer(self, token: str) -> Grant:
        if token in self.revoked:
            raise SlackError("account_inactive")
        if token not in self.bearers:
            raise SlackError("invalid_auth" if token else "not_authed")
        return self.bearers[token]

    def world_for(self, grant: Grant, method: str, args: Args) -> World:
        """The workspace that a call is about; an organisation's token has to name it for some methods."""
        if not grant.everywhere:
            return grant.worlds[0]
        if team := args.text("team_id"):
            found = next((world for world in grant.worlds if world.team_id == team), None)
            if found is None:
                raise SlackError("team_access_not_granted")
            return found
        if method in _TEAM_NEEDED:
            raise SlackError("missing_argument", ["[ERROR] missing required field: team_id"])
        if trigger := args.text("trigger_id"):
            return next((world for world in grant.worlds if trigger in world.triggers), grant.worlds[0])
        channel, user = args.text("channel"), args.text("user") or args.text("users")
        for world in grant.worlds:
            if channel in world.channels or (not channel and user in world.users):
                return world
        return grant.worlds[0]

    def whoami(self, grant: Grant, shown: Json) -> Json:
        """auth.test of an organisation's token names no workspace."""
        if not grant.everywhere or grant.enterprise is None:
            return shown
        org = grant.enterprise
        return shown | {
            "team_id": org["id"],
            "team": org["name"],
            "enterprise_id": org["id"],
            "is_enterprise_install": True,
        }

    def teams(self, grant: Grant) -> Json:
        return {
            "teams": [{"id": world.team_id, "name": world.domain} for world in grant.worlds],
            "response_metadata": {"next_cursor": ""},
        }

    def access(self, args: Args, authorization: str) -> Json:
        """oauth.v2.access: a code, or a refresh token, for a token."""
        given = (args.text("client_id"), args.text("client_secret"))
        if authorization.startswith("Basic "):
            user, _, password = base64.b64decode(authorization[6:]).decode().partition(":")
            given = (user, password)
        if given[0] != self.client_id:
            raise SlackError("invalid_client_id")
        if given[1] != self.client_secret:
            raise SlackError("bad_client_secret")
        if args.text("grant_type") == "refresh_token":
            grant = self._once(self.refreshers, args.need("refresh_token"), "invalid_refresh_token")
        else:
            grant = self._once(self.codes, args.need("code"), "invalid_code")
        self.exchanges += 1
        return self._granted(grant)

    def _once(self, valid: dict[str, Grant], key: str, error: str) -> Grant:
        if key in self.spent and error == "invalid_code":
            raise SlackError("code_already_used")
        self.spent.add(key)
        if key not in valid:
            raise SlackError(error)
        return valid.pop(key)

    def _granted(self, grant: Grant) -> Json:
        start = "xoxe.xoxb-1-" if self.rotates else "xoxb-"
        token = f"{start}{uuid.uuid4().hex}"
        # Of a rotated token the one before lives on until its own end; an older one does not.
        for old in grant.tokens[:-1]:
            self.bearers.pop(old, None)
        grant.tokens = [*grant.tokens[-1:], token]
        self.bearers[token] = grant
        first = grant.worlds[0]
        told: Json = {
            "app_id": first.app_id,
            "authed_user": {"id": "U0ADMIN"},
            "scope": ",".join(grant.scopes),
            "token_type": "bot",
            "access_token": token,
            "bot_user_id": first.bot.id,
            "team": None if grant.everywhere else {"id": first.team_id, "name": first.domain.title()},
            "enterprise": grant.enterprise,
            "is_enterprise_install": grant.everywhere,
        }
        if self.rotates:
            refresh = f"xoxe-1-{uuid.uuid4().hex}"
            self.refreshers[refresh] = grant
            told |= {"expires_in": TOKEN_LIFE, "refresh_token": refresh}
        return told
