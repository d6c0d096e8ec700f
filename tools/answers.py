"""For docs/texts.md: the desk's forms, and its private answers, notices and faults.

The latter are read from the source of the modules that give them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.config.settings import Account
from bot.desk.agents import assign, send_to_customer
from bot.desk.intake.form import IntakeContext, intake_form, preview
from bot.desk.tam import away
from bot.desk.ticket import calls, direct_messages, milestones, severity, short_forms, update
from bot.model.address import Person
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.views import Link, Mention, Quote, RichText, Strong, When
from sla_core.catalog.load import load
from sla_core.engine import promises
from sla_core.policy import Policy
from tools.stories import BOB, CHANNEL, NOON, sample_ticket

HOUSE = Path(__file__).resolve().parents[1]
ANSWERS_IN = (
    "bot/desk",
    "bot/runtime/monitor.py",
    "bot/runtime/pager_test.py",
    "bot/runtime/doctor.py",
    "adapters/slack/outbound/responder.py",
    "adapters/slack/rendering",
    "adapters/slack/workspaces/registry.py",
    "adapters/teams/outbound/responder.py",
    "adapters/teams/rendering",
)


def answers() -> Iterator[tuple[str, list[str]]]:
    """Each module with the private answers and faults that it gives; what varies stands in braces."""
    for place in ANSWERS_IN:
        root = HOUSE / place
        for path in [root] if root.is_file() else sorted(root.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found = dict.fromkeys(_sentences(tree))
            if found:
                yield path.relative_to(HOUSE).as_posix(), [*found]


def _sentences(tree: ast.AST) -> Iterator[str]:
    """Texts in the code that read like sentences and are no docstrings or log lines."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log."):
            skipped |= {id(part) for part in ast.walk(node)}
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in skipped or id(node) in inside:
            continue
        says = _text(node)
        if (
            says
            and says[0].isupper() | (says[0] in "{“")
            and says.rstrip("”").endswith((".", "?", ":"))
            and " " in says
        ):
            yield " ".join(says.split())


def _text(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text.strip()
        case ast.JoinedStr(values=parts):
            texts = (p.value if isinstance(p, ast.Constant) else f"{{{_name(p)}}}" for p in parts)
            return "".join(map(str, texts)).strip()
        case _:
            return ""


def _name(part: ast.AST) -> str:
    """What varies: the last name of the expression."""
    names = [
        each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in ast.walk(part)
    ]
    return next(filter(None, names), "…")


def plain(text: RichText) -> str:
    """Rich text in one line; instants in UTC, mentions with @, quotations in quotation marks."""
    words = ""
    for part in text:
        match part:
            case str():
                words += part
            case Strong(said) | Link(text=said):
                words += said
            case When(at):
                words += f"{at:%a %d %b %H:%M}"
            case Mention(_, name):
                words += f"@{name}"
            case Quote(said):
                words += f" “{said}” "
    return " ".join(words.split())


def intake_forms() -> Iterator[str]:
    """The form of a channel of one account, with an emergency open, and previews of each severity."""
    for vendor, plan in (("m3ter", "gold"), ("commerceup", "standard"), ("monta", "partner")):
        policy = load(vendor)[-1]
        acme = Account(id="acme", name="Acme GmbH", plan=plan, channels=(CHANNEL,))
        known = [sample_ticket(policy, plan, policy.worst.id, ())] if policy.worst.known_first else []
        form = intake_form(IntakeContext(policy, [acme], CHANNEL, known, in_channel=True), NOON)
        yield f"\n**{form.title}** · submit: `{form.submit}`\n"
        yield from (f"- {line}" for line in _fields(form))
        yield f"- preview: {plain(form.preview)}"
        for each in policy.severities:
            if (given := policy.triage_for(plan).example(each)) is not None:
                yield f"- preview: {plain(preview(policy, acme, given, NOON))}"


def forms(policy: Policy, plan: str) -> Iterator[str]:
    context = {"ticket": "ACME-1", "place": str(CHANNEL)}
    ticket = sample_ticket(policy, plan, "S2", ())
    dana = Person("dana", "Dana", zone=ZoneInfo("Europe/Berlin"))
    shown = [short_forms.text_form(name, context) for name in ("reply", "update", "resolve", "hold")]
    shown += [
        send_to_customer.form(context),
        assign.form({"bob": BOB}, context),
        short_forms.text_form("services_disabled", context),
        short_forms.text_form("services_enabled", context),
        milestones.frozen_form("Fix developed", date(2026, 12, 7), context),
        short_forms.text_form("add_details", context),
        short_forms.escalate_form(False, context),
        short_forms.escalate_form(True, context),
        calls.form("You can also call us: +44 20 7946 0000", context),
        severity.form(policy, context, "S2", ticket.opened.plan),
        severity.form(load("commerceup")[-1], context, "C1", "standard"),
        short_forms.close_form(ticket, promises(ticket, policy), context, NOON),
        direct_messages.delegate_form("alert_delegate", (), context),
        direct_messages.snooze_form("page_snooze", update.business_zone(policy), context),
        away.form(dana, CHANNEL, ""),
    ]
    for form in shown:
        yield f"\n**{form.title}** · submit: `{form.submit}`\n"
        yield from (f"- {line}" for line in _fields(form))


def _fields(form: Form) -> Iterator[str]:
    if form.intro:
        yield plain(form.intro)
    for each in form.fields:
        hint = f": {each.hint}" if each.hint else ""
        yield f"{each.label}{'' if each.required else ' (optional)'}{hint}"
        if isinstance(each, ChoiceField):
            yield from (f"  {option.label}" for option in each.options)
        else:
            assert isinstance(each, TextField)
