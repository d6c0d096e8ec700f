"""Forms come back from the client with what they carry unseen; a seal shows that it is what we wrote."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.teams import dialogs
from bot.forms import Form

NONCE, STANDALONE, SIGNATURE = "~once", "~own", "~seal"
MOST_REMEMBERED = 2_000
"""Forms kept in memory, so that they can be shown again with what was typed when something failed here."""


class InvalidSignature(ValueError):
    """The form is not as we opened it; or the app's secret has changed since."""


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """A form that came back. `nonce` is unique to it as it was shown; `standalone`: it was a message by itself."""

    form: str
    values: dict[str, tuple[str, ...]]
    context: dict[str, str]
    nonce: str
    standalone: bool


class SignedForms:
    """Opens forms, and reads them when they come back."""

    def __init__(self, secret: str) -> None:
        """With an empty secret the seals are good for this process only."""
        self._key = hashlib.sha256(b"frontline forms\0" + secret.encode()).digest()
        if not secret:
            self._key = secrets.token_bytes(32)
        self._open: OrderedDict[str, Form] = OrderedDict()

    def sign(self, form: Form, *, standalone: bool = False) -> Form:
        """The form as it is to be shown."""
        context = {
            name: text for name, text in form.context.items() if name not in (NONCE, STANDALONE, SIGNATURE)
        }
        context |= {NONCE: secrets.token_urlsafe(12)} | ({STANDALONE: "1"} if standalone else {})
        shown = replace(form, context={**context, SIGNATURE: self._signature(form.id, context)})
        self._open[context[NONCE]] = shown
        if len(self._open) > MOST_REMEMBERED:
            self._open.popitem(last=False)
        return shown

    def read(self, data: Mapping[str, Any]) -> SubmittedForm:
        """Raises ValueError, InvalidSignature."""
        filled = dialogs.read_form(data)
        context = dict(filled.context)
        signature = context.pop(SIGNATURE, "")
        if not hmac.compare_digest(signature.encode(), self._signature(filled.form, context).encode()):
            raise InvalidSignature("the form is not as it was opened")
        nonce, standalone = context.pop(NONCE, ""), context.pop(STANDALONE, "") == "1"
        return SubmittedForm(filled.form, filled.values, context, nonce, standalone)

    def with_error(self, submitted: SubmittedForm, problem: str) -> Form | None:
        """The form with what was typed and one problem, if it is still known."""
        known = self._open.get(submitted.nonce)
        if known is None:
            return None
        first = known.fields[0].id if known.fields else ""
        return known.rejected({f.id: submitted.values.get(f.id, ()) for f in known.fields}, {first: problem})

    def _signature(self, form: str, context: Mapping[str, str]) -> str:
        told = json.dumps([form, sorted(context.items())]).encode()
        return hmac.new(self._key, told, hashlib.sha256).hexdigest()[:32]
