"""`frontline init`: from nothing to a desk's file, its secrets and the app's manifest."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from bot.cli.app import FAULT, print_faults
from bot.cli.setup.answers import read_answers
from bot.cli.setup.draft import HTTP, OAUTH, Draft
from bot.cli.setup.files import OWNER_ONLY, NewFile, write_together
from bot.cli.setup.questionnaire import Questionnaire
from bot.cli.setup.questions import Keyboard, Questions, Terminal
from bot.cli.setup.workspace import SlackSetup
from bot.config.environment import desk_file, dotenv_file
from bot.config.settings import load_desk
from bot.faults import OperatorFault

MANIFEST = "slack-manifest.yml"


def run(
    answers: Path | None,
    force: bool,
    slack: SlackSetup,
    doctor: Callable[[], int],
    terminal: Terminal | None = None,
) -> int:
    """Returns the exit code of the doctor, whose findings come last but one."""
    there = [path for path in (desk_file(), dotenv_file()) if path.exists()]
    if there and not force:
        return print_faults(
            *(
                f"{path}: exists already; edit it and run frontline check, or replace it with frontline init "
                "--force, which keeps a copy"
                for path in there
            )
        )
    screen = terminal or Keyboard()
    folder = desk_file().parent
    if answers is not None:
        draft = read_answers(answers, slack, os.environ, folder)
    else:
        questionnaire = Questionnaire(
            Questions(screen), slack, os.environ, folder, lambda text: _save(folder / MANIFEST, text)
        )
        try:
            draft = questionnaire.run()
            _confirm(screen)
        except (KeyboardInterrupt, EOFError):
            return print_faults("init: stopped; frontline.toml and .env are as they were")
    _write(draft, slack, screen)
    screen.say("\nfrontline doctor:")
    code = doctor()
    _say_next(draft, screen, code)
    return code


def _confirm(screen: Terminal) -> None:
    def parse(typed: str) -> bool:
        if typed.casefold() not in ("y", "yes", "n", "no"):
            raise OperatorFault("Type y or n")
        return typed.casefold().startswith("y")

    if not Questions(screen).ask("\nWrite frontline.toml and .env", parse, "y"):
        raise KeyboardInterrupt


def _write(draft: Draft, slack: SlackSetup, screen: Terminal) -> None:
    files = [
        NewFile(desk_file(), draft.desk_file()),
        NewFile(dotenv_file(), draft.dotenv(_text_of(dotenv_file())), OWNER_ONLY),
    ]
    if draft.slack:
        text = slack.manifest(draft.slack.mode, draft.slack.address, draft.slack.command)
        manifest = desk_file().parent / MANIFEST
        if _text_of(manifest) != text:
            files.append(NewFile(manifest, text))
    copies = write_together(files, load_desk)
    screen.say(f"\nWrote {', '.join(str(file.path) for file in files)}. Only you can read .env.")
    for copy in copies:
        screen.say(f"What was there before is in {copy}.")


def _save(path: Path, text: str) -> str:
    if _text_of(path) != text:
        write_together([NewFile(path, text)], lambda _: None)
    return str(path)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as wrong:
        raise OperatorFault(f"{path}: cannot be read, so it cannot be replaced: {wrong}") from None


def _say_next(draft: Draft, screen: Terminal, code: int) -> None:
    command = draft.slack.command if draft.slack else "@Frontline help"
    screen.say("\nNow:")
    steps = []
    if code == FAULT:
        steps.append("frontline doctor     until it finds nothing to fix; it says how")
    steps.append("frontline serve      the desk; Ctrl-C stops it")
    if draft.slack and draft.slack.mode in (HTTP, OAUTH):
        steps.append("Event Subscriptions  while it runs: Slack verifies the address there (docs/slack.md)")
    if draft.slack and draft.slack.mode == OAUTH:
        steps.append(f"{draft.slack.address}/slack/install   once for each workspace, yours first")
    if draft.teams:
        steps.append(
            "frontline teams-package --website https://your.page   the app to upload (docs/teams.md)"
        )
    steps.append(f"{command:<20} in the channel of {draft.account.name}, or press Get help there")
    steps.append("frontline check      what else an operator wants to know")
    for number, step in enumerate(steps, start=1):
        screen.say(f"  {number}. {step}")
