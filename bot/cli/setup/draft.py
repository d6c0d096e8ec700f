"""What `frontline init` is going to write: the desk's file and `.env`, as text."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bot.cli.setup.workspace import Group, Member

SOCKET, HTTP, OAUTH = "socket", "http", "oauth"
VARIABLES = {
    SOCKET: ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"),
    HTTP: ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"),
    OAUTH: ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET", "SLACK_SIGNING_SECRET", "FRONTLINE_SECRET_KEY"),
}
"""What each way to reach Slack needs in the environment."""
TEAMS_VARIABLES = ("MICROSOFT_APP_ID", "MICROSOFT_APP_PASSWORD", "MICROSOFT_APP_TENANT_ID")
SLACK_VARIABLES = frozenset(name for names in VARIABLES.values() for name in names)

_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class SlackDraft:
    triage: str
    agents: Sequence[Member | Group]
    mode: str = SOCKET
    address: str = ""
    """Where Slack reaches the desk, `https://…` without a path; empty over a socket."""
    command: str = "/support"


@dataclass(frozen=True, slots=True)
class TeamsDraft:
    triage: str
    agents: Sequence[str]


@dataclass(frozen=True, slots=True)
class AccountDraft:
    id: str
    name: str
    plan: str
    channels: Sequence[str]
    """As in the desk's file, such as `slack:C0ACME`."""
    tam: Member | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole desk, not yet written."""

    vendor: str
    account: AccountDraft
    slack: SlackDraft | None = None
    teams: TeamsDraft | None = None
    rotas: Mapping[str, Sequence[Member]] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Values of environment variables, for `.env`."""

    @property
    def people(self) -> dict[str, str]:
        """Ids in the desk's file, by ids on Slack, of everyone that a rota or the account names."""
        ids: dict[str, str] = {}
        for member in self._named():
            if member.id not in ids:
                ids[member.id] = _unused(slug(member.name.split()[0]) or slug(member.id), ids.values())
        return ids

    def _named(self) -> list[Member]:
        in_rotas = [member for members in self.rotas.values() for member in members]
        return [*in_rotas, *([self.account.tam] if self.account.tam else [])]

    def desk_file(self) -> str:
        """The text of frontline.toml."""
        ids, members = self.people, {member.id: member for member in self._named()}
        parts = [f"vendor = {_text(self.vendor)}\n"]
        if self.slack:
            command = f"command = {_text(self.slack.command)}\n" if self.slack.command != "/support" else ""
            agents = _listed([agent.id for agent in self.slack.agents])
            shown = ", ".join(agent.shown for agent in self.slack.agents)
            comment = f"   # {_line(shown)}" if shown else ""
            parts.append(
                f"[slack]\n{command}triage = {_text(self.slack.triage)}\nagents = {agents}{comment}\n"
            )
        if self.teams:
            triage = f"triage = {_text(self.teams.triage)}\n" if self.teams.triage else ""
            parts.append(f"[teams]\n{triage}agents = {_listed(self.teams.agents)}\n")
        for slack_id, id_ in ids.items():
            name = _line(members[slack_id].name)
            parts.append(f"[[people]]\nid = {_text(id_)}\nname = {_text(name)}\nslack = {_text(slack_id)}\n")
        if self.rotas:
            lines = (
                f"{role} = {_listed([ids[member.id] for member in members])}"
                for role, members in self.rotas.items()
            )
            parts.append("\n".join(["[rotas]", *lines]) + "\n")
        account = self.account
        tam = f"tam = {_text(ids[account.tam.id])}\n" if account.tam else ""
        parts.append(
            f"[[accounts]]\nid = {_text(account.id)}\nname = {_text(_line(account.name))}\n"
            f"plan = {_text(account.plan)}\n{tam}channels = {_listed(account.channels)}\n"
        )
        return "\n".join(parts)

    def dotenv(self, before: str = "") -> str:
        """The text of `.env`. Lines of the present one about other variables are kept."""
        replaced = {*self.secrets, *SLACK_VARIABLES} if self.slack else {*self.secrets}
        kept = [line for line in before.splitlines() if _variable(line) not in replaced]
        lines = [f"{name}={_quoted(value)}" for name, value in self.secrets.items()]
        return "\n".join([*kept, *lines]) + "\n"


def slug(name: str) -> str:
    """An id for an account or a person: `acme-gmbh` for Acme GmbH; empty if the name has no usable letter."""
    return _SLUG.sub("-", name.casefold()).strip("-0123456789")[:24].strip("-")


def _unused(name: str, taken: Collection[str]) -> str:
    candidates = (name if number == 1 else f"{name}-{number}" for number in range(1, len(taken) + 2))
    return next(each for each in candidates if each not in taken)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "")


def _listed(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _variable(line: str) -> str:
    return line.partition("=")[0].removeprefix("export ").strip()


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
