"""No token reaches another account's data, by whatever path, parameters and bodies."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from bot.api.operations import OPERATIONS, PREFIX, Operation
from bot.model.address import Place
from bot.model.api_token import Scope
from tests.desk_file import account, chat, desk_file
from tests.harness import ALICE, S2, S3
from tests.web.api_desk import ApiDesk, api_desk

ACCOUNTS = ("acme", "globex", "initech")
DESK = desk_file(
    chats=[chat("slack", "C0TRIAGE", ["U0BOB"])],
    accounts=[account(id, f"Name-of-{id}", channel=f"slack:C0{id.upper()}") for id in ACCOUNTS],
)
TOKENS = {
    f"t{number}": accounts
    for number, accounts in enumerate([("acme",), ("globex",), ("initech",), ("acme", "globex")])
}


def secret_of(id: str) -> str:
    """A word that only this account's data has."""
    return f"Secret-of-{id}"


async def filled(api: ApiDesk) -> None:
    for id in ACCOUNTS:
        for answers in (S2, S3):
            place = Place("slack", f"C0{id.upper()}")
            await api.desk.submits(ALICE, f"{secret_of(id)} is late", answers, place, details=secret_of(id))


def random_request(
    rng: random.Random, operation: Operation, keys: list[str]
) -> tuple[str, dict[str, Any], Any]:
    """A path, parameters and a body, sensible or not."""
    key = rng.choice([*keys, *keys, "ACME-99", "GLOBEX-1/../ACME-1", "acme-1", "%2e%2e"])
    path = operation.path.removeprefix(f"{PREFIX}/").replace("{key}", key)
    query: dict[str, Any] = {}
    if operation.name == "listTickets":
        for name, values in (
            ("account", (*ACCOUNTS, "nobody")),
            ("state", ("open", "resolved", "closed")),
            ("severity", ("S1", "S2", "S3")),
            ("limit", ("1", "2", "100")),
            ("cursor", ("MjAyNi0wMy0yMFQxNTozMDowMCswMDowMCBBQ01FLTE",)),
            ("opened_before", ("2027-01-01T00:00:00Z",)),
        ):
            if rng.random() < 0.3:
                query[name] = rng.choice(values)
    if operation.name == "report":
        query = {"from": "2026-01-01", "to": "2027-01-01"}
        if rng.random() < 0.5:
            query["account"] = rng.choice([*ACCOUNTS, "nobody"])
    body = {
        "openTicket": {
            "account": rng.choice([*ACCOUNTS, "nobody"]),
            "summary": rng.choice(["It is late", "Bills are late again"]),
            "answers": S3,
            "same_as": rng.choice([None, *keys]),
        },
        "reply": {"text": "Hello"},
        "changeSeverity": {"severity": rng.choice(["S2", "S3"]), "reason": "Because"},
        "resolve": {"text": "Done"},
    }.get(operation.name)
    return path, query, body


async def check(folder: Path, seed: int, requests: int) -> None:
    rng = random.Random(seed)
    async with api_desk(folder, DESK) as api:
        await filled(api)
        secrets = {
            name: await api.token(name, rng.choice([*Scope]), *accounts) for name, accounts in TOKENS.items()
        }
        for _ in range(requests):
            api.now += 1
            name = rng.choice([*TOKENS])
            others = [id for id in ACCOUNTS if id not in TOKENS[name]]
            before = {key: (await api.desk.ticket(key)).version for key in await api.desk.keys()}
            operation = rng.choice(OPERATIONS)
            path, query, body = random_request(rng, operation, [*before])
            if operation.method == "GET":
                answer = await api.get(path, secrets[name], **query)
            else:
                answer = await api.post(path, body, secrets[name], once=rng.choice([None, "k1", "k2"]))
            for id in others:
                assert f"'account': '{id}'" not in str(answer.body), (operation.name, path)
                assert f"Name-of-{id}" not in str(answer.body), (operation.name, path)
                assert secret_of(id) not in str(answer.body), (operation.name, path)
            changed = [
                key
                for key in await api.desk.keys()
                if (await api.desk.ticket(key)).version != before.get(key)
            ]
            assert not [key for key in changed if key.partition("-")[0].lower() in others], (path, body)


async def test_no_token_reaches_another_accounts_data(tmp_path: Path) -> None:
    await check(tmp_path, seed=7, requests=40)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
async def test_no_token_reaches_another_accounts_data_in_many_ways(tmp_path: Path, seed: int) -> None:
    await check(tmp_path, seed, requests=500)
