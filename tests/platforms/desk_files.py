"""The same desk on Slack, on Teams, and split between the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.desk_file import SLACK, TEAMS, TEAMS_ACME, account, chat, desk_file


def emergency_desk(platform: str) -> str:
    """Bob and Eve are on call; nobody but Mia is behind them."""
    return _desk(platform, {"first_line": ["bob", "eve"], "leadership": ["mia"]})


def desk_in_shifts(platform: str) -> str:
    """Bob's turn of eight hours ends half an hour after FRIDAY_AFTERNOON; then comes Eve's, then Kim's."""
    return f"""{_desk(platform, {"leadership": ["mia"]})}
[rotas.first_line]
people = ["bob", "eve", "kim"]
zone = "Europe/Berlin"
starts = 2026-03-20T09:00:00
turn = "8 hours"
"""


def partner_desk(platform: str) -> str:
    """Monta's: Bob and Eve answer partners at any hour."""
    rotas = {"partner_support": ["bob", "eve"], "support_24_7": ["kim"], "leadership": ["mia"]}
    return _desk(platform, rotas, "monta", "partner")


def _desk(
    platform: str, rotas: Mapping[str, Sequence[str]], vendor: str = "m3ter", plan: str = "gold"
) -> str:
    if platform != "teams":
        return desk_file(vendor, rotas=rotas, accounts=[account(plan=plan)])
    on_teams = account(plan=plan, channel=f"teams:{TEAMS_ACME}")
    return desk_file(vendor, chats=[TEAMS], platforms=["teams"], accounts=[on_teams], rotas=rotas)


def vendor_desk(platform: str, vendor: str, plan: str, rotas: Mapping[str, Sequence[str]]) -> str:
    """A desk of another vendor with one account of this plan, whose TAM is Dana."""
    channel = f"teams:{TEAMS_ACME}" if platform == "teams" else "slack:C0ACME"
    chats, platforms = ([TEAMS], ["teams"]) if platform == "teams" else ([SLACK], ["slack"])
    acme = account(name="Acme Inc", plan=plan, channel=channel)
    return desk_file(vendor, chats=chats, platforms=platforms, accounts=[acme], rotas=rotas)


def monetate_desk(platform: str) -> str:
    """Bob and Eve are on call for emergencies, and Dana is the TAM."""
    rotas = {"on_call": ["bob", "eve"], "leadership": ["mia"]}
    return vendor_desk(platform, "monetate", "north-america", rotas)


_ON_TEAMS = account(channel=f"teams:{TEAMS_ACME}")
ON_SLACK = desk_file()
ON_TEAMS = desk_file(chats=[TEAMS], platforms=["teams"], accounts=[_ON_TEAMS])
TEAMS_TO_SLACK = desk_file(chats=[SLACK, chat("teams")], accounts=[_ON_TEAMS])
SLACK_TO_TEAMS = desk_file(chats=[TEAMS, chat("slack")], platforms=["teams"])
