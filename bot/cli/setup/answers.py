"""`frontline init --answers FILE`: the same answers as in a terminal, in TOML. All faults at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from bot.cli.setup import tokens
from bot.cli.setup.draft import (
    OAUTH,
    SOCKET,
    TEAMS_VARIABLES,
    VARIABLES,
    AccountDraft,
    Draft,
    SlackDraft,
    TeamsDraft,
    slug,
)
from bot.cli.setup.questionnaire import (
    COMMAND,
    IS_TRIAGE,
    account_id,
    object_id,
    policy_of,
    teams_channel,
)
from bot.cli.setup.questions import read_answers_file
from bot.cli.setup.workspace import Member, SlackSetup, Workspace, only_ids
from bot.faults import OperatorFault
from sla_core.catalog.crosscheck import unknown
from sla_core.catalog.files import Fault, Faults
from sla_core.policy import Policy

T = TypeVar("T")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Slack(_Section):
    mode: Literal["socket", "http", "oauth"] = "socket"
    address: str = ""
    command: str = "/support"
    triage: str
    agents: tuple[str, ...]


class _Teams(_Section):
    triage: str
    agents: tuple[str, ...]


class _Account(_Section):
    name: str
    id: str = ""
    plan: str
    channel: str
    tam: str = ""


class _File(_Section):
    vendor: str
    slack: _Slack | None = None
    teams: _Teams | None = None
    rotas: dict[str, tuple[str, ...]] = {}
    account: _Account


def read_answers(path: Path, slack: SlackSetup, environment: Mapping[str, str], folder: Path) -> Draft:
    """Reads and checks the file; secrets come from the environment. Raises Faults with all that is wrong.

    `folder`: where the desk's file will be.
    """
    file = read_answers_file(path, _File)
    return _Reader(path.name, file, slack, environment).draft(folder)


class _Reader:
    """Turns the answers into a draft, and collects what is wrong with them."""

    def __init__(self, name: str, file: _File, slack: SlackSetup, environment: Mapping[str, str]) -> None:
        self._name, self._file, self._slack, self._environment = name, file, slack, environment
        self._faults: list[Fault] = []
        self._secrets: dict[str, str] = {}

    def draft(self, folder: Path) -> Draft:
        file = self._file
        policy = self._taken("vendor", lambda: policy_of(file.vendor, folder))
        if file.slack is None and file.teams is None:
            self._fault("slack", "no chat is named; add a [slack] or a [teams] part")
        for name in TEAMS_VARIABLES if file.teams else ():
            self._secret(name)
        workspace = self._workspace(file.slack) if file.slack else only_ids("Frontline")
        slack = self._slack_draft(file.slack, workspace) if file.slack else None
        teams = self._teams_draft(file.teams) if file.teams else None
        rotas = {role: [*self._members(role, names, workspace)] for role, names in file.rotas.items()}
        account = self._account(policy, workspace)
        for role in file.rotas if policy else ():
            if policy and role not in (roles := {step.role for step in policy.steps}):
                self._fault(f"rotas.{role}", unknown("role", role, roles))
        if self._faults or account is None:
            raise Faults(self._faults)
        return Draft(file.vendor, account, slack, teams, rotas, self._secrets)

    def _workspace(self, slack: _Slack) -> Workspace | None:
        """None if it cannot be read, which is a fault then."""
        for problem in tokens.contradictions(slack.mode, self._environment):
            self._faults.append(Fault("environment", "", problem))
        for name in VARIABLES[slack.mode]:
            if name == "FRONTLINE_SECRET_KEY":
                self._secrets[name] = self._environment.get(name) or tokens.new_key()
            else:
                self._secret(name)
        if app_token := self._secrets.get("SLACK_APP_TOKEN"):
            self._taken("SLACK_APP_TOKEN", lambda: self._slack.check_app_token(app_token), "environment")
        if slack.mode == OAUTH:
            return only_ids("Frontline")
        token = self._secrets.get("SLACK_BOT_TOKEN")
        if token is None:
            return None
        return self._taken("SLACK_BOT_TOKEN", lambda: self._slack.read_workspace(token), "environment")

    def _slack_draft(self, slack: _Slack, workspace: Workspace | None) -> SlackDraft:
        address = slack.address
        if slack.mode != SOCKET:
            address = self._taken("slack.address", lambda: tokens.check_address(slack.address)) or ""
        if not COMMAND.fullmatch(slack.command):
            self._fault("slack.command", f'"{slack.command}" is no command; write one such as /support')
        if not slack.agents:
            self._fault("slack.agents", "names nobody who could work the tickets")
        if workspace is None:
            return SlackDraft("", ())
        triage = self._taken("slack.triage", lambda: workspace.channel(slack.triage))
        agents = [self._taken("slack.agents", partial(workspace.agent, name)) for name in slack.agents]
        known = [agent for agent in agents if agent]
        return SlackDraft(triage.id if triage else "", known, slack.mode, address, slack.command)

    def _teams_draft(self, teams: _Teams) -> TeamsDraft:
        triage = self._taken("teams.triage", lambda: teams_channel(teams.triage)) or ""
        agents = [self._taken("teams.agents", partial(object_id, id_)) or "" for id_ in teams.agents]
        return TeamsDraft(triage, agents)

    def _members(self, role: str, names: tuple[str, ...], workspace: Workspace | None) -> Iterator[Member]:
        for name in names if workspace else ():
            if workspace and (member := self._taken(f"rotas.{role}", partial(workspace.member, name))):
                yield member

    def _account(self, policy: Policy | None, workspace: Workspace | None) -> AccountDraft | None:
        given = self._file.account
        plan = None
        if policy:
            wanted = given.plan.lower()
            plan = next((p for p in policy.plans.values() if wanted in (p.id, *p.aliases)), None)
            if plan is None:
                self._fault("account.plan", unknown("plan", given.plan, policy.plans))
        id_ = self._taken("account.id", lambda: account_id(given.id or slug(given.name)))
        channel = self._taken("account.channel", lambda: self._channel(given.channel, workspace))
        tam = None
        if given.tam and workspace:
            tam = self._taken("account.tam", lambda: workspace.member(given.tam))
        if not (plan and id_ and channel):
            return None
        return AccountDraft(id_, given.name, plan.id, [channel], tam)

    def _channel(self, channel: str, workspace: Workspace | None) -> str:
        if channel.startswith("teams:"):
            if self._file.teams and channel == f"teams:{self._file.teams.triage}":
                raise OperatorFault(IS_TRIAGE)
            return f"teams:{teams_channel(channel.removeprefix('teams:'))}"
        if workspace is None:
            return channel
        found = workspace.channel(channel.removeprefix("slack:"))
        if self._file.slack and found.id == workspace.channel(self._file.slack.triage).id:
            raise OperatorFault(IS_TRIAGE)
        return f"slack:{found.id}"

    def _secret(self, name: str) -> None:
        given = self._environment.get(name, "")
        value = self._taken(name, lambda: tokens.checked(name, given), "environment")
        if value:
            self._secrets[name] = value

    def _taken(self, key: str, take: Callable[[], T], file: str = "") -> T | None:
        try:
            return take()
        except OperatorFault as wrong:
            self._fault(key, str(wrong), file)
            return None

    def _fault(self, key: str, says: str, file: str = "") -> None:
        fault = Fault(file or self._name, key, says)
        if fault not in self._faults:
            self._faults.append(fault)
