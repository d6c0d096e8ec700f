"""The commands `check`, `explain`, `oncall`, `policy`, `questions` and `simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.app import OPERATE, POLICY

if TYPE_CHECKING:
    from bot.cli.policy.oncall import ReadFeeds
    from bot.cli.policy.simulation.compare import Histories

_EXPLAIN = """\b
Examples:
  frontline explain --vendor m3ter --plan gold --severity S2 --at 2026-03-20T16:30:00+01:00
  frontline explain --vendor ./policies/ours --plan basic --severity P1 --at 2026-12-24T10:00:00Z --json
"""
_ONCALL = """\b
Examples:
  frontline oncall
  frontline oncall --at 2026-12-24T20:00:00+01:00 --json
  frontline oncall --ics first_line > first-line.ics
"""
_QUESTIONS = """\b
Examples:
  frontline questions --vendor m3ter --plan gold
  frontline questions --vendor m3ter --plan gold --json
"""
_CHECK = """\b
Examples:
  frontline check                    the desk's file (FRONTLINE_CONFIG, ./frontline.toml), else every pack
  frontline check ./policies/ours    a policy of your own, or a folder with a frontline.toml in it
  frontline check --readings         what the policy's text leaves open, and how it is read
  frontline check m3ter --trace      each requirement ID, and what carries it
  frontline check --json             faults and warnings, for scripts
"""
_SCHEMA = """\b
Examples:
  frontline policy schema plans.toml > plans.schema.json
  frontline policy schema --into ./policies/ours/2026-01-01

Editors with Taplo read the first line of a file: #:schema ./plans.schema.json
"""
_NEW = """\b
Examples:
  frontline policy new policies/ours                        asks, and checks each answer
  frontline policy new policies/ours --answers ours.toml    takes the answers from a file

\b
name = "Our Support"
document = "Support terms, 1 January 2026"
effective = 2026-01-01
steps = ["first_line"]
plan = [{ id = "gold", name = "Gold", hours = "mon-fri 09:00-17:00 Europe/London", closed = "GB-ENG" }]
severity = [{ id = "P1", name = "Urgent", says = "You cannot work.", first_response = "2h", pages = true }]
"""
_SIMULATE = """\b
Examples:
  frontline simulate --vendor m3ter --plan gold --tickets docs/examples/tickets.csv
  frontline simulate --vendor m3ter --plan gold --tickets tickets.csv --against ./policies/ours
  frontline simulate --vendor m3ter --plan gold --tickets tickets.csv --against ./ours --html compared.html
  frontline simulate --vendor m3ter --plan gold --account acme --against monta --map S1=P1 --map S2=P2

A line of the file names its columns, separated by , ; | or tabs; --column opened="Created at" says what
it calls one. Instants need an offset; responded and resolved may be empty. ticket names the ticket, plan its
plan, where it is not the one given:

\b
ticket,opened,severity,responded,resolved
T-1,2026-03-20T16:30:00+01:00,S2,2026-03-20T18:00:00+01:00,2026-03-23T11:00:00+01:00
T-2,2026-03-21T03:10:00+01:00,S1,2026-03-21T04:25:00+01:00,

Stored tickets are those of the database at DATABASE_URL, with their holds, changes of severity and replies.
Each is replayed under the version of the policy that was in force when it was opened.
"""

_VENDOR = "A pack (commerceup, m3ter, monetate, monta) or your own folder."
Vendor = Annotated[str, typer.Option(metavar="V", help=_VENDOR)]
PlanName = Annotated[str, typer.Option(metavar="P", help="A plan of the policy, or its former name.")]
VendorOrAccount = Annotated[
    str | None,
    typer.Option("--vendor", metavar="V", help=_VENDOR),
]
PlanOrAccount = Annotated[
    str | None, typer.Option("--plan", metavar="P", help="A plan of the policy, or its former name.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def add_commands(app: typer.Typer, stored_tickets: Histories, read_feeds: ReadFeeds) -> None:
    """Adds the commands. `stored_tickets` reads the tickets of an account for `simulate`.

    `read_feeds` fetches the calendars of rotas for `check` and `oncall`.
    """

    @app.command(rich_help_panel=POLICY, epilog=_CHECK)
    def check(
        folder: Annotated[
            Path | None, typer.Argument(metavar="FOLDER", help="What to check (default: the desk's file).")
        ] = None,
        readings: Annotated[
            bool, typer.Option("--readings", help="List what the policy's text leaves open.")
        ] = False,
        examples: Annotated[bool, typer.Option("--examples", help="Show worked examples.")] = False,
        trace: Annotated[
            bool, typer.Option("--trace", help="Show what implements each requirement.")
        ] = False,
        as_json: Json = False,
    ) -> int:
        """Check the desk's file and the policy it names.

        Prints all faults to stderr, as FILE: KEY: WHAT IS WRONG, and warns about what may surprise you.
        Without a desk's file, checks every pack.
        """
        from bot.cli.policy import check

        return check.run(folder, check.More(trace, readings, examples), as_json, read_feeds)

    @app.command(rich_help_panel=POLICY, epilog=_EXPLAIN)
    def explain(
        context: typer.Context,
        severity: Annotated[str, typer.Option(metavar="S", help="A severity of the policy, such as S2.")],
        at: Annotated[str, typer.Option(metavar="INSTANT", help="When it opens, with Z or an offset.")],
        vendor: VendorOrAccount = None,
        plan: PlanOrAccount = None,
        account: Annotated[
            str | None,
            typer.Option(metavar="A", help="In place of both: an account of ./frontline.toml."),
        ] = None,
        zone: Annotated[
            str | None, typer.Option(metavar="Z", help="The customer's zone, for hours that follow it.")
        ] = None,
        origin: Annotated[
            str | None,
            typer.Option("--door", metavar="D", help="How the request came in: chat, phone, alarm or api."),
        ] = None,
        as_json: Json = False,
    ) -> int:
        """Show every clock of a ticket, and how it is computed.

        Prints what is promised, when it is due, and which stretches between submission and deadline count,
        which do not, and why. With --account, under the plan, the order form and the zone of that account.
        """
        if account is not None and (vendor or plan or zone):
            context.fail("--account has a vendor, a plan and a zone of its own; leave those out.")
        if account is None and (vendor is None or plan is None):
            context.fail("Give --vendor and --plan, or --account.")
        from bot.cli.policy import explain

        return explain.run(vendor, plan, severity, at, as_json, account, zone, origin)

    @app.command(rich_help_panel=OPERATE, epilog=_ONCALL)
    def oncall(
        at: Annotated[
            str | None, typer.Option(metavar="INSTANT", help="With Z or an offset (default: now).")
        ] = None,
        as_json: Json = False,
        ics: Annotated[
            str | None,
            typer.Option(metavar="ROLE", help="Print the shifts of a role as an iCalendar file instead."),
        ] = None,
    ) -> int:
        """Show who holds each role, until when, and who is next.

        Reads the rotas of ./frontline.toml (FRONTLINE_CONFIG).
        """
        from bot.cli.policy import oncall

        return oncall.run(at, as_json, ics, read_feeds)

    @app.command(rich_help_panel=POLICY, epilog=_QUESTIONS)
    def questions(vendor: Vendor, plan: PlanName, as_json: Json = False) -> int:
        """Show what the intake form asks.

        Prints the questions of /support under a plan, the answers it accepts, and for each severity one set
        of answers that leads to it.
        """
        from bot.cli.policy import questions

        return questions.run(vendor, plan, as_json)

    @app.command(rich_help_panel=POLICY, epilog=_SIMULATE)
    def simulate(
        context: typer.Context,
        vendor: Vendor,
        plan: PlanName,
        tickets: Annotated[
            str | None, typer.Option(metavar="FILE", help="Replay the tickets of a CSV file.")
        ] = None,
        account: Annotated[
            str | None, typer.Option(metavar="A", help="Replay the stored tickets of an account.")
        ] = None,
        against: Annotated[
            str | None,
            typer.Option(metavar="V2", help="A second policy: a pack, a folder, or one version of either."),
        ] = None,
        against_plan: Annotated[
            str | None, typer.Option(metavar="P2", help="Its plan, if its name differs and it has several.")
        ] = None,
        mapped: Annotated[
            list[str] | None,
            typer.Option("--map", metavar="S1=P1", help="Its name for a severity. Repeatable."),
        ] = None,
        columns: Annotated[
            list[str] | None,
            typer.Option("--column", metavar="OURS=THEIRS", help="What the file calls a column. Repeatable."),
        ] = None,
        until: Annotated[
            str | None,
            typer.Option(metavar="INSTANT", help="Judge open promises as of then (default: now)."),
        ] = None,
        html: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="Also write a page with a chart; replaces the file."),
        ] = None,
        as_json: Json = False,
    ) -> int:
        """Replay tickets against a policy.

        Prints how each promise would have ended and by how much, and which warnings and pages would have been
        sent when. With --against, prints what a second policy would change.
        """
        if (tickets is None) == (account is None):
            context.fail("Give either --tickets or --account.")
        from bot.cli.policy.simulation import simulate
        from bot.cli.policy.simulation.compare import SimulationRequest

        request = SimulationRequest(
            vendor, plan, tickets, account, against, against_plan, mapped or (), columns or (), until
        )
        return simulate.run(request, stored_tickets, as_json, html)

    policy = typer.Typer(add_completion=False, rich_markup_mode=None, help="Write a policy of your own.")
    app.add_typer(policy, name="policy", rich_help_panel=POLICY)

    @policy.callback()
    def group() -> None:
        """Write a policy of your own."""

    @policy.command(epilog=_NEW)
    def new(
        folder: Annotated[
            Path, typer.Argument(metavar="NAME", help="The folder to write; its name is the vendor's.")
        ],
        answers: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Answers in TOML, for scripts.")
        ] = None,
    ) -> int:
        """Write a commented policy by asking.

        Asks for plans with their hours and closed days, severities with their times, and who is paged. The
        result passes frontline check; JSON Schemas for editors lie beside it.
        """
        from bot.cli.policy.new_policy import new
        from bot.clock import real_now

        return new.run(folder, answers, real_now().date())

    @policy.command(epilog=_SCHEMA)
    def schema(
        file: Annotated[
            str | None, typer.Argument(metavar="FILE", help="A file of a policy (default: all).")
        ] = None,
        into: Annotated[
            Path | None, typer.Option(metavar="FOLDER", help="Write one file for each into it.")
        ] = None,
    ) -> int:
        """Print the JSON Schema of a policy's files, for editors.

        An editor that knows it completes keys and marks faults while you type.
        """
        from bot.cli.policy import schemas

        return schemas.run(file, into)
