"""How many of our files a `/support` passes, from Slack's request to the stored ticket."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from adapters.sql.store import connect
from tests.slack.desk_on_slack import ANSWERS, desk_on_slack
from tests.tracing import FileTrace

MOST_FILES = 40
"""Somebody who follows a request has to read these files."""


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_a_support_command_passes_few_files(store: str, tmp_path: Path) -> None:
    trace = FileTrace(("adapters", "bot", "sla_core"))
    async with AsyncExitStack() as open_ones:
        open_ones.enter_context(trace.installed())
        at = await open_ones.enter_async_context(desk_on_slack(tmp_path))
        if store == "sqlite":
            database = await open_ones.enter_async_context(connect(f"sqlite:///{tmp_path}/desk.db"))
            at.desk.store = at.desk.key_values = database
        ines = at.people["internal"]
        with trace.record():
            await at.slack.command(ines, at.acme, "/support", "Bills are slow")
            submitted = await at.slack.submit(ines, ANSWERS)
        stored = await at.desk.store.load("ACME-1")
    assert submitted.sent
    assert [type(event).__name__ for event in stored] == ["Opened"]
    files = sorted(trace.files)
    assert {"bot/desk/routes.py", "bot/desk/intake/open.py", "sla_core/engine.py"} <= {*files}
    assert len(files) <= MOST_FILES, "\n".join((f"{len(files)} files:", *files))


def test_functions_are_counted_and_imports_are_not() -> None:
    trace = FileTrace(("tests",))

    def called() -> None: ...

    with trace.installed():
        called()
        assert trace.files == set()
        with trace.record():
            exec(compile("class A:\n    x = 1\n", __file__, "exec"))
        assert trace.files <= {"tests/tracing.py"}
        with trace.record():
            called()
    assert "tests/slack/test_files_of_a_request.py" in trace.files
