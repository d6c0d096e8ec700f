"""The views that people see during a few tickets, from the real desk in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.desk.tam import forecast
from bot.model.address import Place
from bot.model.forms import Form
from bot.model.inbound import Ask, HomeOpened, Show
from bot.model.views import Audience, View
from bot.notify.cards import get_help
from sla_core.catalog.load import load
from tests.desk_file import account, desk_file
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DANA,
    ORDER_FORM_WITH_HOLD,
    DeskInMemory,
    form_of,
    open_desk,
    person,
)

FRIDAY = "2026-03-20T16:30:00+01:00"
SUMMARY = "Bill generation has been slow since this morning, and some invoices are missing."
"""80 characters: the agents' first button must still be on a phone's first screen."""
ACCOUNT = "# acme"
TRIAGE = "# triage"
DANAS_CHAT = Place("slack", "D0DANA", True)
LINKS_BEGIN = "https://vendor.slack.example/archives"


@dataclass(frozen=True)
class Scene:
    """One picture: the place, the time, and the messages or the form."""

    where: str
    at: datetime
    shown: tuple[View, ...] | Form
    thread: bool = False
    board: bool = False


def written(vendor: str, plan: str, order_form: str = "") -> str:
    policy = load(vendor)[-1]
    tam = "dana" if policy.plans[plan].tam else None
    return desk_file(
        vendor,
        rotas={step.role: ["bob"] for step in policy.steps},
        people=["bob", "dana"],
        accounts=[account(plan=plan, tam=tam, order_form=order_form)],
    )


async def play(folder: Path) -> dict[str, Scene]:
    """Plays all stories. Returns the scenes by the name of their picture."""
    found = await _m3ter(folder) | await _day_of_a_tam(folder) | await _season(folder)
    for vendor, plan, severity, summary, topic in (
        ("monetate", "europe", "S1", "All product images on our shop are broken", ("category", "error")),
        ("monta", "partner", "P1", "All charge points are offline", ("topic", "all_chargers")),
        ("commerceup", "standard", "C2", "Discount codes are refused at the checkout", ("type", "issue")),
    ):
        found |= await _emergency(folder, vendor, plan, severity, summary, topic)
    return found


async def _m3ter(folder: Path) -> dict[str, Scene]:
    desk = await open_desk(folder, FRIDAY, written("m3ter", "gold", ORDER_FORM_WITH_HOLD.replace("2h", "4h")))
    desk.chat.links_begin = LINKS_BEGIN
    policy = desk.desk.directory.policy_on(desk.clock.now().date())
    found = {"get-help": _scene(desk, ACCOUNT, get_help(policy))}
    form = await desk.asks_for_help(ALICE)
    found["form"] = _scene(desk, "", form)
    refused = await desk.sends(ALICE, form, summary="", details="Since 8:00 each run takes an hour.")
    assert isinstance(refused, Ask)
    found["form-errors"] = _scene(desk, "", refused.form)
    answers = {"request": "incident", "production": "reduced", "privacy": "no"}
    key = await desk.submits(ALICE, SUMMARY, answers, details="Since 8:00 each run takes an hour.")
    found["card-open"] = _scene(desk, ACCOUNT, desk.card_view(key))
    found["agents-card"] = _scene(desk, TRIAGE, desk.card_view(key, Audience.AGENTS))
    found["reply-form"] = _scene(desk, "", form_of(await desk.presses(BOB, "Reply", key)))
    why = await desk.presses(ALICE, "Why?", key)
    assert isinstance(why, Show)
    found["receipt"] = _scene(desk, ACCOUNT, why.view)
    await desk.submits_form(BOB, "Hold", key, text="We wait for your log of last night.")
    found["card-on-hold"] = _scene(desk, ACCOUNT, desk.card_view(key))
    await desk.writes(ALICE, "Here is the log.", key)
    await desk.fast_forward(hours=3, minutes=15)
    found["card-warning"] = _scene(desk, ACCOUNT, desk.card_view(key))
    found["agents-warning"] = _scene(desk, TRIAGE, desk.card_view(key, Audience.AGENTS))
    found["tam-warning"] = _scene(desk, "Dana", *(said.view for said in desk.direct(DANA)))
    found["board"] = await _board(desk)
    await desk.fast_forward(minutes=1)
    found["open-tickets"] = _scene(desk, ACCOUNT, desk.board().view)
    await desk.fast_forward(hours=1)
    found["card-breached"] = _scene(desk, ACCOUNT, desk.card_view(key))
    root = desk.card(key).ref
    told = [said.view for said in desk.posted if said.thread == root]
    found["breach"] = _scene(desk, ACCOUNT, *told[-1:], thread=True)
    found["tam"] = _scene(desk, "Dana", *(said.view for said in desk.direct(DANA)))
    await desk.submits_form(
        BOB, "Reply", key, text="Sorry for the wait: the bill queue was stuck, we restart it now."
    )
    await desk.submits_form(BOB, "Resolve", key, text="The queue runs again and every bill of today is out.")
    found["card-resolved"] = _scene(desk, ACCOUNT, desk.card_view(key))
    told = [said.view for said in desk.posted if said.thread == root]
    found["thread-resolved"] = _scene(desk, ACCOUNT, *told[-2:], thread=True)
    return found


async def _day_of_a_tam(folder: Path) -> dict[str, Scene]:
    """Dana's accounts on a Friday: her forecast as it reads in the evening, an absence, and her Home tab."""
    accounts = [account(), account("globex", "Globex AG", channel="slack:C0GLOBEX")]
    file = desk_file(accounts=accounts).replace('tam = "dana"\n', 'tam = "dana"\ntam_backup = "eve"\n')
    file = file.replace('id = "dana"', 'id = "dana"\nzone = "Europe/Berlin"')
    desk = await open_desk(folder, "2026-03-18T18:00:00Z", file)
    desk.chat.links_begin = LINKS_BEGIN
    await forecast.schedule(desk.desk)
    reduced = {"request": "incident", "production": "reduced", "privacy": "no"}
    globex = Place("slack", "C0GLOBEX")
    missed = await desk.submits(ALICE, "Invoices of March are missing", reduced)
    await desk.forward_to("2026-03-19T15:00:00Z")
    await desk.submits_form(BOB, "Reply", missed, text="We restore them.")
    await desk.forward_to("2026-03-19T19:00:00Z")
    first = await desk.submits(person("Gina", "T0GLOBEX"), "Exports stop after 10,000 rows", reduced, globex)
    await desk.submits(ALICE, SUMMARY, reduced)
    await desk.forward_to("2026-03-20T09:00:00Z")
    await desk.submits_form(BOB, "Reply", first, text="We have found the limit.")
    await desk.submits(ALICE, "How do we add a second price list?", _HOW_TO)
    await desk.forward_to("2026-03-20T16:02:00Z")
    (told,) = [said.view for said in desk.direct(DANA) if (said.key or "").startswith("tam/forecast/")][-1:]
    found = {"tam-forecast": _scene(desk, "Dana", told)}
    home = await desk.answers(HomeOpened(desk.envelope(), desk.clock.now(), DANA, DANAS_CHAT))
    assert isinstance(home, Show)
    found["tam-home"] = Scene("Home", desk.clock.now(), (home.view,), board=True)
    away = await desk.command(DANA, DANAS_CHAT, "away until 2026-03-30")
    assert isinstance(away, Show)
    return found | {"tam-away": _scene(desk, "Dana", away.view)}


async def _season(folder: Path) -> dict[str, Scene]:
    """An hour of silence in an emergency a week before the peak season, and the forecast of that morning."""
    rotas = {"on_call": ["bob", "eve"], "leadership": ["mia"]}
    file = desk_file("monetate", rotas=rotas, accounts=[account(plan="europe")])
    file = file.replace('id = "dana"', 'id = "dana"\nzone = "Europe/London"')
    desk = await open_desk(folder, "2026-11-01T20:00:00Z", file)
    desk.chat.links_begin = LINKS_BEGIN
    await forecast.schedule(desk.desk)
    ordinary = {"category": "error", "impact": "no", "reason": "no"}
    await desk.submits(ALICE, "The banner shows last year's date", ordinary)
    await desk.forward_to("2026-11-02T08:00:00Z")
    found = {"tam-season": _scene(desk, "Dana", *(said.view for said in desk.direct(DANA)))}
    key = await desk.submits(ALICE, "All product images are broken", ordinary | {"impact": "yes"})
    await desk.presses(BOB, "Acknowledge", key)
    await desk.fast_forward(hours=1, seconds=1)
    told = [said.view for said in desk.direct(DANA) if (said.key or "").startswith(key)]
    return found | {"tam-silence": _scene(desk, "Dana", *told)}


async def _emergency(
    folder: Path, vendor: str, plan: str, severity: str, summary: str, topic: tuple[str, str]
) -> dict[str, Scene]:
    desk = await open_desk(folder, FRIDAY, written(vendor, plan))
    desk.chat.links_begin = LINKS_BEGIN
    example = load(vendor)[-1].triage.example(severity) or {}
    answers = {name: given[0] for name, given in example.items() if given}
    key = await desk.submits(ALICE, summary, answers | dict([topic]))
    return {
        f"{vendor}-customer": _scene(desk, ACCOUNT, desk.card_view(key)),
        f"{vendor}-agents": _scene(desk, TRIAGE, desk.card_view(key, Audience.AGENTS)),
    }


async def _board(desk: DeskInMemory) -> Scene:
    await desk.submits(ALICE, "How do we add a second price list?", _HOW_TO)
    answer = await desk.answers(HomeOpened(desk.envelope(), desk.clock.now(), BOB, ACME))
    assert isinstance(answer, Show)
    return Scene("Home", desk.clock.now(), (answer.view,), board=True)


_HOW_TO = {"request": "how_to", "production": "unaffected", "privacy": "no"}


def _scene(desk: DeskInMemory, where: str, *shown: View | Form, thread: bool = False) -> Scene:
    if isinstance(shown[0], Form):
        return Scene(where, desk.clock.now(), shown[0])
    views = tuple(view for view in shown if not isinstance(view, Form))
    return Scene(where, desk.clock.now(), views, thread)
