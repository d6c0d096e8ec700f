"""What each policy says without a clock stands where people read it, by plan, severity, answers and hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.desk import routes
from bot.desk.intake.form import preview
from bot.model.address import Actor, Place
from bot.model.inbound import HomeOpened, Show
from bot.model.views import Audience, QueueBoard, Receipt
from tests.desk_file import account, desk_file
from tests.harness import ACME, ALICE, BOB, DANA, DeskInMemory, answer_text, open_desk, rich_text

HERE = Place("slack", "D0SOMEBODY", direct=True)
BY_DAY = "2026-03-10T15:30:00Z"
"""Tuesday, 11:30 in New York, 15:30 in London."""
AT_NIGHT = "2026-03-20T23:00:00Z"
"""Friday evening: everybody's office has closed."""
THANKSGIVING = "2026-11-26T16:00:00Z"
"""Thursday, 11:00 in New York, 16:00 in London: a closed day in both."""

PARTNER = {"audience": "partner", "revenue": "none", "users": "one", "workaround": "no"}
EMERGENCY = {"category": "error", "impact": "yes", "reason": "no"}
ORDINARY = {"category": "access", "impact": "no", "reason": "no"}
DOWN = {"request": "incident", "production": "down", "privacy": "no"}
OTHER_VENDOR = {"request": "third_party", "production": "unaffected", "privacy": "no"}
ONBOARDING = {"request": "onboarding", "production": "unaffected", "privacy": "no"}
SALES = {"type": "issue", "impact": "sales"}

ROTAS = {
    "monetate": ["on_call", "leadership"],
    "monta": ["partner_support", "support_24_7", "leadership"],
    "m3ter": ["first_line", "second_line", "engineering", "leadership"],
    "commerceup": ["support", "engineering"],
}


@dataclass(frozen=True)
class Case:
    """One account and one ticket, and the words that stand or do not stand at each place."""

    vendor: str
    plan: str
    answers: Mapping[str, str]
    at: str = BY_DAY
    says: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


US, UK = "855-222-6134", "+44 1425 600052"
OPEN, CLOSED = "through the portal, support.monetate.com", "on the emergency line"
GOLD_HOURS, SILVER_HOURS = "to 17:00 US Eastern Time", "10:00 to 18:00 Central European Time"
BETA = "selected beta features"

CASES = {
    "MON by day, America": Case(
        *("monetate", "north-america", EMERGENCY, BY_DAY),
        says={
            "form": ("our office is open now", "You can also reach us at support.monetate.com"),
            "preview": (OPEN, US),
            "card": (OPEN, US),
            "why": ("confirmed the receipt by itself", US),
            "help": (
                "Everybody who sees an emergency may report it",
                "You can also reach us at support.monetate.com",
                "US Eastern office hours",
            ),
            "home": ("We monitor the platform at every hour",),
            "queue": ("No question stays unanswered", "“list unanswered”"),
        },
        lacks={
            "form": ("closed now",),
            "preview": (CLOSED, UK),
            "card": (CLOSED, UK),
            "why": (UK,),
            "help": (UK, "British"),
        },
    ),
    "MON at night, Europe": Case(
        *("monetate", "europe", EMERGENCY, AT_NIGHT),
        says={
            "form": ("our office is closed now",),
            "preview": (CLOSED, UK),
            "card": (CLOSED, UK),
            "help": ("British office hours",),
        },
        lacks={
            "form": ("open now",),
            "preview": (OPEN, US),
            "card": (OPEN, US),
            "help": ("US Eastern",),
        },
    ),
    "MON on a closed day": Case(
        *("monetate", "north-america", EMERGENCY, THANKSGIVING),
        says={"form": ("closed now",), "card": (CLOSED,)},
        lacks={"card": (OPEN,)},
    ),
    "MON ordinary": Case(
        *("monetate", "north-america", ORDINARY, BY_DAY),
        lacks={
            "preview": (OPEN, CLOSED),
            "card": (OPEN, CLOSED, US),
            "why": ("confirmed the receipt",),
        },
    ),
    "MTA administration": Case(
        *("monta", "partner", PARTNER | {"topic": "administration"}),
        says={
            "form": ("Known incidents are on the status page",),
            "agents": ("Team: Partner Support, administration",),
            "why": ("may raise or lower the priority", "The terms are those of 13 March 2024"),
            "help": ("by fixed rules", "right team"),
            "home": ("Known incidents are on the status page",),
            "queue": ("The more critical a ticket, the earlier its turn",),
        },
        lacks={"card": ("administration: invoices",)},
    ),
    "MTA operations": Case(
        *("monta", "partner", PARTNER | {"topic": "one_charger"}),
        says={"agents": ("Team: Partner Support",)},
        lacks={"agents": ("administration",)},
    ),
    "M3 Gold": Case(
        *("m3ter", "gold", DOWN),
        says={
            "form": ("www.m3ter.com/docs", BETA),
            "why": (
                "m3ter decides the severity",
                "These are the terms of 10 February 2025",
                "No time of resolution is promised",
            ),
            "help": ("at support.m3ter.com", "A metering SLA", "Support covers problems", "Gold:"),
            "home": (GOLD_HOURS,),
            "queue": ("The first line answers alarms as well",),
        },
        lacks={
            "why": ("order form",),
            "help": ("no phone",),
            "home": (SILVER_HOURS,),
            "agents": ("Professional Services", "Onboarding"),
        },
    ),
    "M3 Silver": Case(
        *("m3ter", "silver", DOWN),
        says={
            "form": ("www.m3ter.com/docs",),
            "help": ("at support.m3ter.com", "Silver:", "no phone"),
            "home": (SILVER_HOURS,),
        },
        lacks={"form": (BETA,), "help": ("metering",), "home": (GOLD_HOURS,)},
    ),
    "M3 other vendor": Case(
        *("m3ter", "gold", OTHER_VENDOR),
        says={"agents": ("Refer to: Professional Services, by rate card",)},
        lacks={"card": ("Refer to",), "why": ("No time of resolution is promised",)},
    ),
    "M3 onboarding": Case(
        *("m3ter", "gold", ONBOARDING),
        says={"agents": ("Onboarding: Support and the Solution Architects",)},
        lacks={"agents": ("Professional Services",)},
    ),
    "CUP": Case(
        *("commerceup", "standard", SALES),
        says={
            "form": ("Included at no extra cost", "upgrades"),
            "why": ("Times of resolution are goals",),
            "help": (
                "you close it once you are satisfied",
                "support@commerceup.io",
                "Included at no extra cost",
            ),
            "tam": ("you put no content on a site",),
        },
        lacks={"home": ("you put no content",), "help": ("you put no content",)},
    ),
}


async def home(desk: DeskInMemory, actor: Actor) -> str:
    answer = await routes.answer(desk.desk, HomeOpened(desk.envelope(), desk.clock.now(), actor, HERE))
    assert isinstance(answer, Show)
    assert isinstance(answer.view, QueueBoard)
    return rich_text(answer.view.foot)


def facts(desk: DeskInMemory, key: str, audience: Audience = Audience.CUSTOMER) -> str:
    return "\n".join(f"{label}: {text}" for label, text in desk.card_view(key, audience).facts)


async def places(desk: DeskInMemory, answers: Mapping[str, str]) -> dict[str, str]:
    """What stands at each place for this account and a ticket with these answers."""
    owner = desk.desk.directory.settings.accounts["acme"]
    policy = desk.desk.directory.policy_on(desk.clock.now().date())
    desk.chat.in_channels[ALICE.user.id] = frozenset({ACME})
    form = await desk.asks_for_help(ALICE)
    given = policy.triage.relevant_answers({name: (answer,) for name, answer in answers.items()})
    found = {
        "form": rich_text(form.intro),
        "preview": rich_text(preview(policy, owner, given, desk.clock.now())),
    }
    found["help"] = answer_text(await desk.command(ALICE, text="help"))
    found["home"], found["queue"], found["tam"] = [await home(desk, who) for who in (ALICE, BOB, DANA)]
    key = await desk.submits(ALICE, "Something is wrong", dict(answers))
    found["card"], found["agents"] = facts(desk, key), facts(desk, key, Audience.AGENTS)
    found["why"] = answer_text(await desk.presses(ALICE, "Why?", key))
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_words_stand_where_they_matter_and_nowhere_else(case: Case, tmp_path: Path) -> None:
    """MON-2, 6, 8, 12, 14, 15, 30, 33, 35; MTA-1, 4, 10, 11, 18, 24, 25;
    M3-1, 2, 6, 8, 9, 12, 16, 20, 22, 25, 27, 28, 29, 32; CUP-1, 3, 14, 17, 20.
    """
    with_tam = case.plan != "silver"
    file = desk_file(
        case.vendor,
        rotas={role: ["bob"] for role in ROTAS[case.vendor]},
        people=["bob", "dana"],
        accounts=[account(plan=case.plan, tam="dana" if with_tam else None)],
    )
    found = await places(await open_desk(tmp_path, case.at, file), case.answers)
    for place, texts in case.says.items():
        for text in texts:
            assert text in found[place], (place, text, found[place])
    for place, texts in case.lacks.items():
        for text in texts:
            assert text not in found[place], (place, text, found[place])


METERING = """
cites = "Order form 2026-05, annex 2"
S1.workaround = { within = "4h", calendar = "around-the-clock", name = "metering SLA" }
"""


async def test_an_order_form_s_own_clock_has_its_own_name(tmp_path: Path) -> None:
    """M3-8: a metering SLA of an order form is counted, named and cited; without one there is none."""
    rotas = {role: ["bob"] for role in ROTAS["m3ter"]}
    accounts = [account(order_form=METERING), account("other", "Other Ltd", channel="slack:C0OTHER")]
    desk = await open_desk(
        tmp_path, BY_DAY, desk_file(rotas=rotas, people=["bob", "dana"], accounts=accounts)
    )
    key = await desk.submits(ALICE, "Usage is not counted", DOWN)
    labels = [line.label for line in desk.card_view(key).promises]
    assert labels == ["First response", "Workaround (metering SLA)"]
    answer = await desk.presses(ALICE, "Why?", key)
    assert isinstance(answer, Show)
    assert isinstance(answer.view, Receipt)
    assert [table.cites for table in answer.view.tables][1] == "Source: Order form 2026-05, annex 2"

    other = await desk.submits(ALICE, "Usage is not counted", DOWN, Place("slack", "C0OTHER"))
    assert [line.label for line in desk.card_view(other).promises] == ["First response"]
    precedence = "Where your order form says otherwise, it takes precedence."
    assert precedence in answer_text(answer)
    without = answer_text(await desk.presses(ALICE, "Why?", other))
    assert "order form" not in without
    assert "in force when this ticket was opened." in without
