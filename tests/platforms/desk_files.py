"""The same desk on Slack, on Teams, and split between the two."""

from __future__ import annotations

from tests.desk_file import SLACK, TEAMS, TEAMS_ACME, account, chat, desk_file

_ON_TEAMS = account(channel=f"teams:{TEAMS_ACME}")
ON_SLACK = desk_file()
ON_TEAMS = desk_file(chats=[TEAMS], platforms=["teams"], accounts=[_ON_TEAMS])
TEAMS_TO_SLACK = desk_file(chats=[SLACK, chat("teams")], accounts=[_ON_TEAMS])
SLACK_TO_TEAMS = desk_file(chats=[TEAMS, chat("slack")], platforms=["teams"])
