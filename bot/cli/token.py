"""`frontline token`: makes, lists and revokes the tokens of the API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot.cli.app import DONE, OPERATE, print_faults

if TYPE_CHECKING:
    from bot.model.api_token import Token, TokenStore

OpenStore = Callable[[bool], "AbstractAsyncContextManager[TokenStore | None]"]
"""Opens the store of the desk; with True, creates its database if there is none."""

_NEW = """\b
Examples:
  frontline token new statistics --scope read --expires 90d
  frontline token new acme-sync --scope write --account acme
"""
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST = timedelta(days=3660)


def add_commands(app: typer.Typer, open_store: OpenStore) -> None:
    """Adds `frontline token` with its commands."""
    token = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(
        token, name="token", rich_help_panel=OPERATE, help="Make, list and revoke tokens of the API."
    )

    @token.command(epilog=_NEW)
    def new(
        name: Annotated[str, typer.Argument(metavar="NAME", help="Shown where the token acts.")],
        scope: Annotated[
            Literal["read", "write"],
            typer.Option("--scope", metavar="read|write", help="write: also acts as an agent."),
        ],
        account: Annotated[
            list[str] | None,
            typer.Option("--account", metavar="A", help="Reaches this account only; may be repeated."),
        ] = None,
        expires: Annotated[
            str | None, typer.Option(metavar="90d", help="When it ends: hours (h), days (d), weeks (w).")
        ] = None,
    ) -> int:
        """Make a token, and print it. It is shown once and stored only as a hash."""
        import asyncio

        return asyncio.run(_new(open_store, name, scope, account or (), expires))

    @token.command("list")
    def list_() -> int:
        """List the tokens, without the secrets."""
        import asyncio

        return asyncio.run(_list(open_store))

    @token.command()
    def revoke(name: Annotated[str, typer.Argument(metavar="NAME")]) -> int:
        """Revoke a token. It is refused from now on."""
        import asyncio

        return asyncio.run(_revoke(open_store, name))


async def _new(
    open_store: OpenStore, name: str, scope: str, accounts: Sequence[str], expires: str | None
) -> int:
    from bot.clock import real_now
    from bot.model.api_token import NAME, Scope, Token, digest_of, new_secret

    if not NAME.fullmatch(name):
        return print_faults(
            f'token: "{name}" is no name; write up to 32 of a-z, 0-9 and -, beginning with a letter'
        )
    life = _life(expires) if expires else None
    if expires and life is None:
        return print_faults(f'--expires: "{expires}" is no length of time; write 12h, 90d or 4w')
    if accounts and (fault := _unknown_account(accounts)):
        return print_faults(fault)
    now = real_now()
    token = Token(
        name, Scope(scope), frozenset(accounts) if accounts else None, now, now + life if life else None
    )
    secret = new_secret()
    digest = digest_of(secret)
    assert digest is not None
    async with open_store(True) as store:
        assert store is not None
        if not await store.add_token(token, digest):
            return print_faults(
                f'token: there is a token "{name}" already; choose another name, or revoke it'
            )
    print(secret)
    return DONE


def _life(text: str) -> timedelta | None:
    """`12h`, `90d` or `4w`, at most ten years; None for anything else."""
    count, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not (count.isascii() and count.isdecimal()) or len(count) > 5:
        return None
    life = int(count) * unit
    return life if timedelta(0) < life <= _LONGEST else None


def _unknown_account(accounts: Sequence[str]) -> str | None:
    """The fault of the first account that is not in the desk's file. Raises Faults."""
    from bot.config.environment import read_environment
    from bot.config.settings import load_desk
    from sla_core.catalog.crosscheck import unknown

    known = load_desk(read_environment().frontline_config).accounts
    wrong = next((account for account in accounts if account not in known), None)
    return f"--account: {unknown('account', wrong, known)}" if wrong is not None else None


async def _list(open_store: OpenStore) -> int:
    from bot.clock import real_now

    async with open_store(False) as store:
        found = await store.tokens() if store else []
    if not found:
        print("There are no tokens, so the API is off. frontline token new NAME --scope read makes one.")
        return DONE
    now = real_now()
    rows = [
        ("NAME", "SCOPE", "ACCOUNTS", "MADE", "EXPIRES"),
        *(_row(token, token.is_expired(now)) for token in found),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return DONE


def _row(token: Token, is_expired: bool) -> tuple[str, ...]:
    accounts = "all" if token.accounts is None else " ".join(sorted(token.accounts))
    until = "never" if token.expires_at is None else f"{token.expires_at:%Y-%m-%d %H:%MZ}"
    return (
        token.name,
        token.scope,
        accounts,
        f"{token.made_at:%Y-%m-%d}",
        f"{until}, expired" if is_expired else until,
    )


async def _revoke(open_store: OpenStore, name: str) -> int:
    async with open_store(False) as store:
        if store is None or not await store.revoke_token(name):
            return print_faults(f'token: there is no token "{name}"; frontline token list shows them')
    print(f"{name} is revoked.")
    return DONE
