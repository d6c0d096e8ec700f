"""Why a request of the API is refused, as a problem document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from bot.api.documents import FieldFault, Problem


class ApiFault(Exception):
    """The request is refused. `says` is one or more sentences; `retry_after` is in seconds."""

    def __init__(
        self,
        status: int,
        says: str,
        errors: Sequence[FieldFault] = (),
        *,
        headers: Mapping[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(says)
        self.status = status
        self.problem = Problem(
            title=HTTPStatus(status).phrase, status=status, detail=says, errors=list(errors)
        )
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)


def no_such_ticket(key: str) -> ApiFault:
    """The same for a ticket that does not exist and for one that the token does not reach."""
    return ApiFault(404, f"There is no ticket {key} that this token reaches.")


def invalid(errors: Mapping[str, str]) -> ApiFault:
    """Fields that are wrong, each with what to do about it."""
    faults = [FieldFault(field=field, says=says) for field, says in errors.items()]
    return ApiFault(422, " ".join(f"{fault.field}: {fault.says}" for fault in faults), faults)
