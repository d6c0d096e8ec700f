"""The same desk on Slack, on Teams, and with its customers on one and its agents on the other."""

from __future__ import annotations

PEOPLE = ("bob", "dana", "eve", "kim", "mia")

_HEAD = """
vendor = "m3ter"
{chats}
[rotas]
first_line = ["bob", "eve"]
second_line = ["eve", "bob"]
engineering = ["kim"]
leadership = ["mia"]
{people}
[[accounts]]
id = "acme"
name = "Acme GmbH"
plan = "gold"
tam = "dana"
channels = ["{channel}"]
"""
_SLACK = '[slack]\ntriage = "C0TRIAGE"\nagents = ["U0BOB"]\n'
_TEAMS = '[teams]\ntriage = "19:triage@thread.tacv2"\nagents = ["entra-bob"]\n'
_TEAMS_CHANNEL = "teams:19:acme@thread.tacv2"


def _people(*platforms: str) -> str:
    ids = {"slack": "U0{upper}", "teams": "entra-{lower}"}
    lines = []
    for name in PEOPLE:
        on = (f'{p} = "{ids[p].format(upper=name.upper(), lower=name)}"' for p in platforms)
        lines.append("\n".join(("[[people]]", f'id = "{name}"', f'name = "{name.title()}"', *on, "")))
    return "\n".join(lines)


ON_SLACK = _HEAD.format(chats=_SLACK, people=_people("slack"), channel="slack:C0ACME")
ON_TEAMS = _HEAD.format(chats=_TEAMS, people=_people("teams"), channel=_TEAMS_CHANNEL)
TEAMS_TO_SLACK = _HEAD.format(chats=f"{_SLACK}\n[teams]\n", people=_people("slack"), channel=_TEAMS_CHANNEL)
SLACK_TO_TEAMS = _HEAD.format(chats=f"{_TEAMS}\n[slack]\n", people=_people("teams"), channel="slack:C0ACME")
