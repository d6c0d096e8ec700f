"""A desk to try things with: one customer, and the people who look after it."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.settings import DeskSettings, load_desk
from sla_core.catalog.load import load, vendors
from sla_core.policy import Plan, Policy


def sample_plan(policy: Policy) -> Plan:
    """The last plan with chat; the first plan if none has it."""
    plans = list(policy.plans.values())
    return next((plan for plan in reversed(plans) if plan.chat), plans[0])


def sample_desk_file(vendor: str) -> str:
    """A frontline.toml for a pack or a folder. Raises Faults for a vendor that is not known."""
    policy = load(vendor)[-1]
    plan = sample_plan(policy)
    rotas = "\n".join(f'{step.role} = ["bob"]' for step in policy.steps)
    tam = 'tam = "dana"' if plan.tam else ""
    return f"""{vendor_setting(vendor)}

[slack]
triage = "C0TRIAGE"
agents = ["U0BOB"]

[[people]]
id = "bob"
name = "Bob"
slack = "U0BOB"

[[people]]
id = "dana"
name = "Dana"
slack = "U0DANA"

[rotas]
{rotas}

[[accounts]]
id = "acme"
name = "Acme (sample customer)"
plan = "{plan.id}"
{tam}
channels = ["slack:C0ACME"]
"""


def sample_desk(vendor: str) -> DeskSettings:
    """The settings of the sample desk. Raises Faults for a vendor that is not known."""
    with TemporaryDirectory(prefix="frontline-") as folder:
        file = Path(folder) / "frontline.toml"
        file.write_text(sample_desk_file(vendor), encoding="utf-8")
        return load_desk(file)


def vendor_setting(vendor: str) -> str:
    """The first line of a desk's file. A folder is written with its full path."""
    named = vendor if vendor in vendors() else str(Path(vendor).resolve())
    return f"vendor = {json.dumps(named, ensure_ascii=False)}"
