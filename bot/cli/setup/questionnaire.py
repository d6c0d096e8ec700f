"""The questions of `frontline init`, in their order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from bot.cli.setup import tokens
from bot.cli.setup.draft import (
    HTTP,
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
from bot.cli.setup.questions import Questions
from bot.cli.setup.workspace import (
    Channel,
    Group,
    Member,
    NotFound,
    SlackSetup,
    Workspace,
    offered,
    only_ids,
    several,
)
from bot.config.ids import TEAMS_CHANNEL, TEAMS_PERSON
from bot.faults import OperatorFault
from sla_core.catalog.load import Faults, load, vendors
from sla_core.policy import Plan, Policy

T = TypeVar("T")

IS_TRIAGE = "That is triage, where agents talk among themselves; name a channel of the customer"
TEAMS, LATER = "teams", "later"
ACCOUNT_ID = re.compile(r"[a-z][a-z0-9-]{0,23}")
COMMAND = re.compile(r"/[a-z0-9_-]{1,31}")


@dataclass
class Questionnaire:
    """One run of the questions. `save_manifest` writes the manifest and returns its name."""

    questions: Questions
    slack: SlackSetup
    environment: Mapping[str, str]
    folder: Path
    """Where the desk's file will be; a policy of one's own is relative to it."""
    save_manifest: Callable[[str], str]
    secrets: dict[str, str] = field(default_factory=dict)

    def run(self) -> Draft:
        say = self.questions.terminal.say
        say("This writes frontline.toml, .env and the app's manifest. Ctrl-C stops it at any time.")
        say("\nWhose support policy is it?")
        vendor, policy = self._policy()
        say("\nWhere do customers write, and how does the desk get there?")
        ways = {
            SOCKET: "Slack, over a socket that Frontline opens: needs no public address",
            HTTP: "Slack, over HTTPS at an address of yours",
            OAUTH: "Slack, installed by many workspaces: needs an address, and you type ids",
            TEAMS: "Microsoft Teams: docs/teams.md has the steps before this one",
        }
        mode = self.questions.choose("Way", ways, SOCKET)
        return self._on_teams(vendor, policy) if mode == TEAMS else self._on_slack(vendor, policy, mode)

    def _policy(self) -> tuple[str, Policy]:
        names = {vendor: load(vendor)[-1].name for vendor in vendors()}
        for number, (vendor, name) in enumerate(names.items(), start=1):
            self.questions.terminal.say(f"  {number}  {vendor:<11}  {name}")
        numbered = dict(zip(map(str, range(1, len(names) + 1)), names, strict=True))

        def parse(typed: str) -> tuple[str, Policy]:
            vendor = numbered.get(typed, typed)
            return vendor, policy_of(vendor, self.folder)

        return self.questions.ask("Vendor, or a folder with a policy of your own", parse, "m3ter")

    # --- Slack

    def _on_slack(self, vendor: str, policy: Policy, mode: str) -> Draft:
        say, ask = self.questions.terminal.say, self.questions.ask
        if problems := [*tokens.contradictions(mode, self.environment)]:
            raise OperatorFault("; ".join(problems))
        address = "" if mode == SOCKET else ask("Address where Slack reaches it", tokens.check_address)
        command = ask("Command that people type", _command, "/support")
        name = self.save_manifest(self.slack.manifest(mode, address, command))
        say(f"\nWrote {name}. Now, in a browser:")
        say(
            "  1. api.slack.com/apps, Create New App, From a manifest: choose your workspace, paste the file."
        )
        say("  2. Install App, and allow it.")
        say("  3. Paste here what is asked for. Secrets are not shown.")
        lookup = _Lookup(self.questions, *self._connected(mode))
        say(f"\nAgents work in a channel that no customer is in. {offered(lookup.workspace.channels)}")
        triage = lookup.channel("Triage channel")
        everybody = offered([*lookup.workspace.members, *lookup.workspace.groups])
        say(f"\nAgents are people and user groups; put commas between them. {everybody}")
        if lookup.workspace.no_groups:
            say(f"This workspace has no user groups ({lookup.workspace.no_groups}): name people.")
        agents = ask("Agents", lookup.agents, retry_same=True)
        rotas = self._rotas(policy, lookup, [agent for agent in agents if isinstance(agent, Member)])

        def customers_channel(question: str) -> str:
            return f"slack:{lookup.channel(question, triage).id}"

        account = self._account(policy, customers_channel, lookup.tam)
        slack = SlackDraft(triage.id, agents, mode, address, command)
        return Draft(vendor, account, slack=slack, rotas=rotas, secrets=self.secrets)

    def _connected(self, mode: str) -> tuple[Workspace, Callable[[], Workspace]]:
        """The workspace, and how to read it again."""
        for name in VARIABLES[mode]:
            if name == "FRONTLINE_SECRET_KEY":
                self.secrets[name] = self.environment.get(name) or tokens.new_key()
            elif name == "SLACK_APP_TOKEN":
                self._variable(name, self.slack.check_app_token)
            elif name == "SLACK_BOT_TOKEN":
                workspace = self._variable(name, self.slack.read_workspace)
                self.questions.terminal.say(f"  Connected to {workspace.team}{_scopes(workspace)}.")
            else:
                self._variable(name, lambda _: None)
        if mode == OAUTH:
            self.questions.terminal.say(
                "\nNo workspace has installed the app yet: type ids in place of names."
            )
            workspace = only_ids("Frontline")
            return workspace, lambda: workspace
        return workspace, lambda: self.slack.read_workspace(self.secrets["SLACK_BOT_TOKEN"])

    def _variable(self, name: str, use: Callable[[str], T]) -> T:
        """Takes a variable from the environment, else asks for it. `use` tries it out."""

        def parse(typed: str) -> T:
            value = tokens.checked(name, typed)
            result = use(value)
            self.secrets[name] = value
            return result

        if given := self.environment.get(name, "").strip():
            self.questions.terminal.say(f"{name} is set in the environment.")
            try:
                return parse(given)
            except OperatorFault as wrong:
                raise OperatorFault(
                    f"{wrong}; the environment wins over .env, so correct or unset {name} there"
                ) from None
        where = f"{name} ({tokens.WHERE[name]})"
        return self.questions.ask(where, parse, secret=name not in tokens.NOT_SECRET, retry_same=True)

    def _rotas(self, policy: Policy, lookup: _Lookup, agents: list[Member]) -> dict[str, list[Member]]:
        self.questions.terminal.say("\nWho is called, first to last, for each role of the policy?")
        rotas: dict[str, list[Member]] = {}
        for role in dict.fromkeys(step.role for step in policy.steps):
            default = ", ".join(member.shown for member in agents)
            rotas[role] = agents = self.questions.ask(role, lookup.members, default, retry_same=True)
        return rotas

    # --- Teams

    def _on_teams(self, vendor: str, policy: Policy) -> Draft:
        ask, say = self.questions.ask, self.questions.terminal.say
        for name in TEAMS_VARIABLES:
            self._variable(name, lambda _: None)
        say("\nIds of channels begin with 19:, Get link to channel shows them. docs/teams.md tells more.")
        triage = ask("Triage channel", teams_channel)
        agents = ask("Agents, by their object ids in Entra, between commas", _object_ids)

        def channel(question: str) -> str:
            return f"teams:{ask(question, partial(_other_than, triage))}"

        account = self._account(policy, channel, None)
        return Draft(vendor, account, teams=TeamsDraft(triage, agents), secrets=self.secrets)

    # --- both

    def _account(
        self, policy: Policy, channel: Callable[[str], str], tam: Callable[[str], Member | None] | None
    ) -> AccountDraft:
        ask = self.questions.ask
        self.questions.terminal.say("\nYour first customer. More are added to frontline.toml later.")
        name = ask("Name", _name)
        id_ = ask("Id, used in ticket numbers", account_id, slug(name) or "customer")
        plan = self.questions.choose(
            "Plan", {plan.id: _about(plan) for plan in policy.plans.values()}, [*policy.plans][-1]
        )
        place = channel("Their channel")
        manager = None
        if tam and policy.plans[plan].tam:
            manager = ask("Technical Account Manager (Enter: none)", tam)
        return AccountDraft(id_, name, plan, [place], manager)


class _Lookup:
    """Finds what is typed in the workspace, and reads that again before it says no."""

    def __init__(self, questions: Questions, workspace: Workspace, read: Callable[[], Workspace]) -> None:
        self.workspace = workspace
        self._questions, self._read = questions, read

    def channel(self, question: str, triage: Channel | None = None) -> Channel:
        """A channel that the bot is in, unless the operator invites it later. `triage` is refused."""
        seen: list[Channel] = []

        def parse(typed: str) -> Channel:
            if seen and typed.casefold() == LATER:
                return seen[-1]
            channel = self._found(lambda: self.workspace.channel(typed))
            if triage and channel.id == triage.id:
                raise OperatorFault(IS_TRIAGE)
            if not channel.has_bot:
                channel = self._found(lambda: _with_bot(self.workspace.channel(typed)), channel)
            if not channel.has_bot:
                seen.append(channel)
                bot = self.workspace.bot
                raise OperatorFault(
                    f"{bot} is not in {channel.shown}: type /invite @{bot} there, or {LATER} here to go on"
                )
            return channel

        return self._questions.ask(question, parse, retry_same=True)

    def agents(self, typed: str) -> list[Member | Group]:
        found = self._found(lambda: several(typed, self.workspace.agent))
        if not found:
            raise OperatorFault("Nobody could work the tickets; name at least one person or user group")
        return found

    def members(self, typed: str) -> list[Member]:
        return self._found(lambda: several(typed, self.workspace.member))

    def tam(self, typed: str) -> Member | None:
        return self._found(lambda: self.workspace.member(typed)) if typed else None

    def _found(self, find: Callable[[], T], otherwise: T | None = None) -> T:
        """What `find` finds, if need be after reading the workspace again; else `otherwise`, or NotFound."""
        try:
            return find()
        except NotFound:
            self.workspace = self._read()
        try:
            return find()
        except NotFound:
            if otherwise is None:
                raise
            return otherwise


def _scopes(workspace: Workspace) -> str:
    if workspace.lacking is None:
        return ""
    if not workspace.lacking:
        return ", with the scopes it needs"
    lacking = ", ".join(workspace.lacking)
    return f". It works without {lacking}; the doctor says at the end what they would give"


def _with_bot(channel: Channel) -> Channel:
    if not channel.has_bot:
        raise NotFound("the bot is not in it")
    return channel


def policy_of(vendor: str, folder: Path) -> Policy:
    """The newest policy of a pack, or of a folder relative to the desk's. Raises OperatorFault."""
    try:
        return load(vendor if vendor in vendors() else folder / vendor)[-1]
    except Faults as wrong:
        raise OperatorFault("; ".join(map(str, wrong.faults[:3]))) from None


def teams_channel(typed: str) -> str:
    if not TEAMS_CHANNEL.fullmatch(typed):
        raise OperatorFault(
            f'"{typed}" is no id of a channel; it begins with 19: and ends with @thread.tacv2'
        )
    return typed


def object_id(typed: str) -> str:
    if not TEAMS_PERSON.fullmatch(typed.casefold()):
        raise OperatorFault(
            f'"{typed}" is no object id; Entra shows it under Users: 00000000-0000-0000-0000-000000000001'
        )
    return typed.casefold()


def account_id(typed: str) -> str:
    if not ACCOUNT_ID.fullmatch(typed):
        raise OperatorFault(
            f'"{typed}" is no id; use small letters, digits and -, at most 24, and begin with a letter'
        )
    return typed


def _object_ids(typed: str) -> list[str]:
    ids = [object_id(part.strip()) for part in typed.split(",") if part.strip()]
    if not ids:
        raise OperatorFault("Nobody could work the tickets; name at least one person")
    return ids


def _other_than(triage: str, typed: str) -> str:
    if teams_channel(typed) == triage:
        raise OperatorFault(IS_TRIAGE)
    return typed


def _name(typed: str) -> str:
    if not typed:
        raise OperatorFault("Type the customer's name, as agents know it")
    return typed


def _command(typed: str) -> str:
    if not COMMAND.fullmatch(typed):
        raise OperatorFault(f'"{typed}" is no command; write / and small letters, such as /support')
    return typed


def _about(plan: Plan) -> str:
    parts = ["chat" if plan.chat else "no chat", *(["a TAM"] if plan.tam else [])]
    return ", ".join(parts)
