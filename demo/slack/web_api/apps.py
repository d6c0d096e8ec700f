"""Installations of the app: codes, tokens and refresh tokens, valid for what Slack accepts them for."""

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from demo.slack.elements import Json
from demo.slack.state import SlackError, Workspace
from demo.slack.web_api.args import Args

TOKEN_LIFE = 43_200
_TEAM_NEEDED = {"usergroups.list", "usergroups.users.list", "users.conversations", "conversations.list"}


@dataclass
class Grant:
    """One installation, in one workspace or in an organisation with several."""

    workspaces: list[Workspace]
    scopes: list[str]
    enterprise: Json | None = None
    org_wide: bool = False
    tokens: list[str] = field(default_factory=list)


@dataclass
class Apps:
    client_id: str = "1.2"
    client_secret: str = "client-secret"
    app_token: str = "xapp-1-frontline"
    rotates: bool = False
    grants: dict[str, Grant] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    """Tokens of uninstalled apps."""
    codes: dict[str, Grant] = field(default_factory=dict)
    used_codes: set[str] = field(default_factory=set)
    refresh_tokens: dict[str, Grant] = field(default_factory=dict)
    exchanges: int = 0
    """How often a code or a refresh token was exchanged."""

    def authorize(
        self,
        address: str,
        workspace: Workspace,
        *,
        scopes: Sequence[str] | None = None,
        enterprise: Json | None = None,
        org_wide: Sequence[Workspace] = (),
    ) -> dict[str, str]:
        """Approves the app on Slack's page at `address`; returns the parameters of Slack's redirect."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        if query.get("client_id") != self.client_id:
            raise SlackError("invalid_client_id")
        granted = list(scopes) if scopes is not None else query["scope"].split(",")
        code = f"code-{uuid.uuid4().hex}"
        workspaces = list(org_wide) or [workspace]
        self.codes[code] = Grant(workspaces, granted, enterprise, bool(org_wide))
        return {"code": code, "state": query["state"]}

    def uninstall(self, workspace: Workspace) -> Grant:
        """Revokes all tokens of the workspace."""
        token, grant = next((t, g) for t, g in self.grants.items() if workspace in g.workspaces)
        self.revoked |= {token, *grant.tokens}
        self.refresh_tokens = {r: g for r, g in self.refresh_tokens.items() if g is not grant}
        return grant

    def grant_for(self, token: str) -> Grant:
        if token in self.revoked:
            raise SlackError("account_inactive")
        if token not in self.grants:
            raise SlackError("invalid_auth" if token else "not_authed")
        return self.grants[token]

    def workspace_for(self, grant: Grant, method: str, args: Args) -> Workspace:
        """Returns a call's workspace; with an organisation's token, some methods have to name it."""
        if not grant.org_wide:
            return grant.workspaces[0]
        if team := args.text("team_id"):
            found = next((workspace for workspace in grant.workspaces if workspace.team_id == team), None)
            if found is None:
                raise SlackError("team_access_not_granted")
            return found
        if method in _TEAM_NEEDED:
            raise SlackError("missing_argument", ["[ERROR] missing required field: team_id"])
        if trigger := args.text("trigger_id"):
            return next(
                (workspace for workspace in grant.workspaces if trigger in workspace.triggers),
                grant.workspaces[0],
            )
        channel, user = args.text("channel"), args.text("user") or args.text("users")
        for workspace in grant.workspaces:
            if channel in workspace.channels or (not channel and user in workspace.users):
                return workspace
        return grant.workspaces[0]

    def whoami(self, grant: Grant, shown: Json) -> Json:
        """Adjusts auth.test's answer: with an organisation's token it names no workspace."""
        if not grant.org_wide or grant.enterprise is None:
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
            "teams": [{"id": workspace.team_id, "name": workspace.domain} for workspace in grant.workspaces],
            "response_metadata": {"next_cursor": ""},
        }

    def exchange(self, args: Args, authorization: str) -> Json:
        """oauth.v2.access: exchanges a code or a refresh token for a token."""
        given = (args.text("client_id"), args.text("client_secret"))
        if authorization.startswith("Basic "):
            user, _, password = base64.b64decode(authorization[6:]).decode().partition(":")
            given = (user, password)
        if given[0] != self.client_id:
            raise SlackError("invalid_client_id")
        if given[1] != self.client_secret:
            raise SlackError("bad_client_secret")
        if args.text("grant_type") == "refresh_token":
            grant = self._once(self.refresh_tokens, args.need("refresh_token"), "invalid_refresh_token")
        else:
            grant = self._once(self.codes, args.need("code"), "invalid_code")
        self.exchanges += 1
        return self._granted(grant)

    def _once(self, valid: dict[str, Grant], key: str, error: str) -> Grant:
        if key in self.used_codes and error == "invalid_code":
            raise SlackError("code_already_used")
        self.used_codes.add(key)
        if key not in valid:
            raise SlackError(error)
        return valid.pop(key)

    def _granted(self, grant: Grant) -> Json:
        start = "xoxe.xoxb-1-" if self.rotates else "xoxb-"
        token = f"{start}{uuid.uuid4().hex}"
        # After a rotation the previous token stays valid until it expires; older ones do not.
        for old in grant.tokens[:-1]:
            self.grants.pop(old, None)
        grant.tokens = [*grant.tokens[-1:], token]
        self.grants[token] = grant
        first = grant.workspaces[0]
        answer: Json = {
            "app_id": first.app_id,
            "authed_user": {"id": "U0ADMIN"},
            "scope": ",".join(grant.scopes),
            "token_type": "bot",
            "access_token": token,
            "bot_user_id": first.bot.id,
            "team": None if grant.org_wide else {"id": first.team_id, "name": first.domain.title()},
            "enterprise": grant.enterprise,
            "is_enterprise_install": grant.org_wide,
        }
        if self.rotates:
            refresh = f"xoxe-1-{uuid.uuid4().hex}"
            self.refresh_tokens[refresh] = grant
            answer |= {"expires_in": TOKEN_LIFE, "refresh_token": refresh}
        return answer
