"""The desk file of the tests: Acme has a channel at a vendor whose people answer in triage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

PEOPLE = ("dana", "bob", "eve", "kim", "mia")
ROTAS = {
    "first_line": ["bob", "eve"],
    "second_line": ["eve", "bob"],
    "engineering": ["kim"],
    "leadership": ["mia"],
}
"""Of m3ter's escalation policy."""
TEAMS_TRIAGE, TEAMS_ACME = "19:triage@thread.tacv2", "19:acme@thread.tacv2"


def entra(name: str) -> str:
    """The id of a person in Entra, made of the first letters of their name."""
    return f"00000000-0000-0000-0000-{name.lower().encode().hex()[:12]:0>12}"


def _listed(ids: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{id}"' for id in ids) + "]"


def account(
    id: str = "acme",
    name: str = "Acme GmbH",
    plan: str = "gold",
    tam: str | None = "dana",
    channel: str = "slack:C0ACME",
    order_form: str = "",
) -> str:
    """One customer. `order_form`: the lines of its table."""
    lines = ["[[accounts]]", f'id = "{id}"', f'name = "{name}"', f'plan = "{plan}"']
    lines += [f'tam = "{tam}"'] if tam else []
    lines += [f'channels = ["{channel}"]']
    lines += ["[accounts.order_form]", order_form.strip()] if order_form else []
    return "\n".join(lines) + "\n"


def person(name: str, platforms: Sequence[str] = ("slack",)) -> str:
    """Bob is U0BOB on Slack."""
    ids = {"slack": f"U0{name.upper()}", "teams": entra(name)}
    lines = ["[[people]]", f'id = "{name}"', f'name = "{name.title()}"']
    return "\n".join([*lines, *(f'{platform} = "{ids[platform]}"' for platform in platforms)]) + "\n"


def chat(platform: str, triage: str | None = None, agents: Sequence[str] = ()) -> str:
    """A platform, and who works there: ids of people and of user groups."""
    lines = [f"[{platform}]"]
    lines += [f'triage = "{triage}"'] if triage else []
    lines += [f"agents = {_listed(agents)}"] if agents else []
    return "\n".join(lines) + "\n"


SLACK = chat("slack", "C0TRIAGE", ["U0BOB"])
TEAMS = chat("teams", TEAMS_TRIAGE, [entra("bob")])


def desk_file(
    vendor: str = "m3ter",
    chats: Sequence[str] = (SLACK,),
    rotas: Mapping[str, Sequence[str]] = ROTAS,
    people: Sequence[str] = PEOPLE,
    platforms: Sequence[str] = ("slack",),
    accounts: Sequence[str] | None = None,
) -> str:
    """A whole file; Acme is the only customer unless others are given."""
    parts = [f'vendor = "{vendor}"\n', *chats]
    parts += (
        ["[rotas]\n" + "".join(f"{role} = {_listed(ids)}\n" for role, ids in rotas.items())] if rotas else []
    )
    parts += [person(name, platforms) for name in people]
    parts += [account()] if accounts is None else accounts
    return "\n" + "\n".join(parts)
