"""`frontline policy new NAME`: asks, and writes a pack that `frontline check` accepts."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.cli.app import DONE, print_faults
from bot.cli.policy.new_policy import answers as read
from bot.cli.policy.new_policy.answers import METRICS, PackAnswers, PlanAnswer, SeverityAnswer, read_answers
from bot.cli.policy.new_policy.pack import files_of
from bot.cli.policy.schemas import schema_name, schema_of
from bot.cli.setup.draft import slug
from bot.cli.setup.questions import Keyboard, Questions, Terminal
from bot.faults import OperatorFault
from sla_core.catalog.load import load
from sla_core.catalog.values import NONE

USUAL_HOURS = "mon-fri 09:00-17:00 Europe/London"


def run(folder: Path, answers: Path | None, today: date, terminal: Terminal | None = None) -> int:
    """Writes the pack and says what to do next. Raises OperatorFault or Faults; nothing is written then."""
    vendor = slug(folder.name)
    if not vendor:
        raise OperatorFault(f'"{folder.name}" has no letter that a vendor\'s short name could have')
    if folder.exists():
        raise OperatorFault(
            f"{folder}: exists already; name a new folder, or add a dated version to this one"
        )
    screen = terminal or Keyboard()
    if answers is not None:
        found = read_answers(answers)
    else:
        try:
            found = _ask(Questions(screen), today)
        except (KeyboardInterrupt, EOFError):
            return print_faults("policy new: stopped; nothing was written")
    dated = _write(folder, vendor, found)
    screen.say(f"\nWrote {dated}. Each file says what else it may hold. Now:")
    for step in (
        f"frontline check {folder}",
        f"frontline explain --vendor {folder} --plan {found.plans[0].id} "
        f"--severity {found.severities[0].id} --at {found.effective}T12:00:00Z",
        f'vendor = "{folder}" in frontline.toml; give it the vendor\'s own words and sections first',
    ):
        screen.say(f"  {step}")
    return DONE


def _write(folder: Path, vendor: str, answers: PackAnswers) -> Path:
    """Writes the pack in one step, once it loads. Returns its dated folder."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as place:
            staged = Path(place) / folder.name
            dated = staged / answers.effective.isoformat()
            dated.mkdir(parents=True)
            for name, text in files_of(vendor, answers).items():
                (dated / name).write_text(text, encoding="utf-8")
                (dated / schema_name(name)).write_text(
                    json.dumps(schema_of(name), indent=2) + "\n", encoding="utf-8"
                )
            load(staged)
            staged.rename(folder)
    except OSError as wrong:
        raise OperatorFault(f"{folder}: cannot be written: {wrong.strerror}") from None
    return folder / answers.effective.isoformat()


def _ask(questions: Questions, today: date) -> PackAnswers:
    say, ask = questions.terminal.say, questions.ask
    say("This writes a policy of your own. Ctrl-C stops it at any time; nothing is written before the end.")
    name = ask("\nThe policy's name, such as Example Support", read.title)
    document = ask("Title and date of the document it is read from", read.title)
    effective = ask("In force from", read.day, today.isoformat())
    say("\nPlans: what accounts buy. An empty id ends the list.")
    plans: list[PlanAnswer] = []
    while (plan := _plan(questions, [each.id for each in plans])) is not None:
        plans.append(plan)
    say("\nSeverities, worst first. An empty id ends the list.")
    severities: list[SeverityAnswer] = []
    ids = [plan.id for plan in plans]
    while (severity := _severity(questions, [each.id for each in severities], ids)) is not None:
        severities.append(severity)
    say("\nWho is paged, in this order: roles, which frontline.toml gives to people. An empty one ends it.")
    roles: list[str] = []
    pages = any(severity.pages for severity in severities)
    while role := ask(
        "Role", lambda text: _role(text, roles, pages), "" if roles or not pages else "first_line"
    ):
        roles.append(role)
    return PackAnswers(name, document, effective, tuple(plans), tuple(severities), tuple(roles))


def _plan(questions: Questions, taken: list[str]) -> PlanAnswer | None:
    def id_or_end(text: str) -> str:
        return "" if taken and not text else read.plan_id(text, taken)

    id_ = questions.ask("Plan's id, such as gold", id_or_end)
    if not id_:
        return None
    name = questions.ask("  Its name", read.title, id_.capitalize())
    hours = questions.ask("  Its hours", read.hours, USUAL_HOURS)
    closed = ""
    if hours is not None:
        closed = questions.ask("  Closed on the public holidays of (GB, GB-ENG, none)", read.country, NONE)
    return PlanAnswer(id_, name, hours, closed)


def _severity(questions: Questions, taken: list[str], plans: list[str]) -> SeverityAnswer | None:
    def id_or_end(text: str) -> str:
        return "" if taken and not text else read.severity_id(text, taken)

    id_ = questions.ask("Severity's id, such as P1", id_or_end)
    if not id_:
        return None
    name = questions.ask("  Its name, such as Urgent", read.title)
    says = questions.ask("  What it is, in a sentence that customers choose", read.title)
    by_plan = f" (2h, or {', '.join(f'{plan} 2h' for plan in plans)})" if len(plans) > 1 else " (such as 2h)"
    promises = {
        metric: questions.ask(f"  {label}{by_plan}", lambda text: read.times(text, plans), NONE)
        for metric, label in METRICS.items()
    }
    pages = questions.ask("  Page somebody when one opens (y, n)", _yes, "n")
    return SeverityAnswer(id_, name, says, pages, promises)


def _role(text: str, taken: list[str], needed: bool) -> str:
    if text:
        return read.role(text, taken)
    if needed and not taken:
        raise OperatorFault(read.PAGES_NEED_A_STEP)
    return ""


def _yes(text: str) -> bool:
    if text.casefold() not in ("y", "yes", "n", "no"):
        raise OperatorFault("Type y or n")
    return text.casefold().startswith("y")
