"""Where a rule comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule comes from: clause IDs, the rule in plain words, its place in the vendor's document."""

    clauses: tuple[str, ...]
    says: str
    where: str
    quote: str | None = None
    in_document: bool = True
    """False for a term of an order form, whose `where` says it all."""
