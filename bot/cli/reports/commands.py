"""The command lines of `report`, `export` and `audit`. What they run is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.app import OPERATE

if TYPE_CHECKING:
    from bot.cli.reports.options import OpenArchive

_REPORT = """\b
Examples:
  frontline report --from 2026-03-01 --to 2026-04-01
  frontline report --account acme --from 2026-01-01 --to 2027-01-01 --format html > report.html
  frontline report --account acme --from 2026-03-01 --to 2026-04-01 --format png > report.png

Tickets count by their opening, in UTC; the day of --to is not part of the period.
"""
_EXPORT = """\b
Examples:
  frontline export --from 2026-03-01 --to 2026-04-01 > tickets.csv
  frontline export --from 2026-03-01 --to 2026-04-01 --format jsonl > events.jsonl
"""

From = Annotated[str, typer.Option("--from", metavar="D", help="The first day, such as 2026-03-01.")]
To = Annotated[str, typer.Option("--to", metavar="D", help="The day after the last one.")]
AccountId = Annotated[str | None, typer.Option("--account", metavar="A", help="One account (default: all).")]


def add_commands(app: typer.Typer, archive: OpenArchive) -> None:
    """Adds the commands. `archive` opens the database for reading, and never creates one."""

    @app.command(rich_help_panel=OPERATE, epilog=_REPORT)
    def report(
        since: From,
        until: To,
        account: AccountId = None,
        format_: Annotated[
            str, typer.Option("--format", metavar="F", help="table, csv, html or png.")
        ] = "table",
        outages: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="Outages, as CSV: from,to and maybe account."),
        ] = None,
    ) -> int:
        """Show how the promises of a period were kept.

        Attainment by account, month, severity and promise, breaches with what counted, time in each state,
        ratings, open questions of the policy with both readings, and uptime where the policy promises it.
        """
        from bot.cli.reports.options import Request
        from bot.cli.reports.report import run_report

        return run_report(Request(account, since, until, format_), outages, archive)

    @app.command(rich_help_panel=OPERATE, epilog=_EXPORT)
    def export(
        since: From,
        until: To,
        account: AccountId = None,
        format_: Annotated[
            str, typer.Option("--format", metavar="F", help="csv: tickets; jsonl: all their events.")
        ] = "csv",
    ) -> int:
        """Print a period's tickets with their clocks, or all events.

        Tickets count by their opening. csv needs ./frontline.toml (FRONTLINE_CONFIG) for the policies.
        """
        from bot.cli.reports.options import Request
        from bot.cli.reports.report import run_export

        return run_export(Request(account, since, until, format_), archive)

    @app.command(rich_help_panel=OPERATE)
    def audit() -> int:
        """Verify the chain of the event history.

        Prints ok, or each event that was changed, removed, added or moved in the database.
        """
        from bot.cli.reports.report import run_audit

        return run_audit(archive)
