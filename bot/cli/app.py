"""`frontline` itself: its help, its version, and the groups that its commands stand in."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

TRY_OUT, POLICY, OPERATE = "Have a look", "Policies", "Operate"

_EPILOG = """\b
frontline COMMAND --help tells more about a command, with examples.
"""


class _Grouped(TyperGroup):
    """Lists each command with one line, under the heading of its group."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            heading = getattr(command, "rich_help_panel", None) or "Others"
            groups.setdefault(heading, []).append((name, (command.help or "").partition("\n")[0]))
        for heading, listed in groups.items():
            with formatter.section(heading):
                formatter.write_dl(listed)


def new_app() -> typer.Typer:
    """The command line without any command yet."""
    app = typer.Typer(
        cls=_Grouped,
        invoke_without_command=True,
        add_completion=False,
        rich_markup_mode=None,  # Rich takes longer to load than the help takes to print.
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=_EPILOG,
    )
    app.callback()(_frontline)
    return app


def _version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        print(f"frontline {version('frontline')}")
        raise typer.Exit


def _frontline(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> int:
    """A support desk in the customer's own Slack or Teams channel, with an honest SLA countdown."""
    if context.invoked_subcommand is None:
        print(context.get_help())
    return 0
