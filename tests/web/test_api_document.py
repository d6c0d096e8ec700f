"""The examples of docs/api.md, and the API against its own OpenAPI document."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from adapters.web.openapi import document
from bot.api.documents import Document, build
from bot.api.operations import OPERATIONS
from tests.harness import ALICE, DESK_FILE, S2
from tests.pager.test_webhooks import WEBHOOKS
from tests.web.api_desk import ApiDesk, api_desk

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "api.md"
MOST_EXAMPLES = "100"
EXAMPLES = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


async def output_of(folder: Path, *words: str) -> tuple[int, str]:
    """The exit code of a program that runs in `folder`, and all that it printed."""
    pipe, both = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    process = await asyncio.create_subprocess_exec(*words, cwd=folder, stdout=pipe, stderr=both)
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def test_documents_are_built_with_the_routes_and_not_when_they_are_imported() -> None:
    """No request waits for them, and no command that shows none."""

    class Late(Document):
        key: str

    class Later(Late):
        summary: str

    assert not Late.__pydantic_complete__
    assert not Later.__pydantic_complete__
    build()
    assert Late.__pydantic_complete__
    assert Later.__pydantic_complete__


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
async def test_the_examples_of_the_page_work(tmp_path: Path) -> None:
    """One after the other; each answer fits the schema that the document has for it."""
    described = document()
    async with api_desk(tmp_path, DESK_FILE + WEBHOOKS) as api:
        token = await api.token()
        await api.desk.submits(ALICE, "Bills are late", S2)
        done = set()
        for example in EXAMPLES:
            words = shlex.split(
                example.replace("\\\n", "").replace("$FRONTLINE", api.address).replace("$TOKEN", token)
            )
            code, said = await output_of(tmp_path, *words, "-w", "\n%{http_code} %{method}")
            answer, _, outcome = said.rpartition("\n")
            status, method = outcome.split()
            assert (code, status[0]) == (0, "2"), said
            path = re.sub(r"ACME-\d+", "{key}", words[2].removeprefix(api.address).partition("?")[0])
            path = path.replace("/crm/", "/{name}/")
            operation = described["paths"][path][method.lower()]
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            Draft202012Validator(schema | {"components": described["components"]}).validate(
                json.loads(answer)
            )
            done.add(operation["operationId"])
    assert done == {operation.name for operation in OPERATIONS}, "each operation has an example"


async def schemathesis(api: ApiDesk, folder: Path, *options: str, key: str | None = None) -> None:
    """Runs Schemathesis against the API, with all tickets' keys or only with `key`.

    A request that fits the schema may still be refused: for an account that there is not, for example.
    """
    api.step = 1.0  # no limit of requests is reached
    token = await api.token()
    await api.desk.submits(ALICE, "Bills are late", S2)
    config = folder / "schemathesis.toml"
    config.write_text(f'[parameters]\nkey = "{key}"\n' if key else "", encoding="utf-8")
    url = f"{api.address}/api/v1/openapi.json"
    program = (sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", url)
    header = ("--header", f"Authorization: Bearer {token}")
    checks = ("--exclude-checks", "positive_data_acceptance", "--no-color", "--seed", "1")
    code, said = await output_of(folder, *program, *header, *checks, *options)
    assert code == 0, said


async def test_the_api_keeps_what_its_document_says(tmp_path: Path) -> None:
    """A few requests to two of the operations; the soak run tries all."""
    some = ("--include-path-regex", "/(clocks|replies)$", "--phases", "fuzzing", "--max-examples", "2")
    async with api_desk(tmp_path) as api:
        await schemathesis(api, tmp_path, *some, key="ACME-1")


@pytest.mark.soak
@pytest.mark.parametrize("key", [None, "ACME-1"])
async def test_the_api_keeps_what_its_document_says_in_many_ways(tmp_path: Path, key: str | None) -> None:
    async with api_desk(tmp_path) as api:
        await schemathesis(api, tmp_path, "--max-examples", MOST_EXAMPLES, key=key)
