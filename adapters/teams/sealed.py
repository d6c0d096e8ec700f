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

ONCE, OWN, SEAL = "~once", "~own", "~seal"
KEPT = 2_000
"""Forms kept in memory, so that they can be shown again with what was typed when something failed here."""


class Forged(ValueError):
    """The form is not as we opened it; or the app's secret has changed since."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that came back. `once` is unique to it as it was shown; `own`: it was a message by itself."""

    form: str
    values: dict[str, tuple[str, ...]]
    context: dict[str, str]
    once: str
    own: bool


class Forms:
    """Opens forms, and reads them when they come back."""

    def __init__(self, secret: str) -> None:
        """With an empty secret the seals are good for this process only."""
        self._key = hashlib.sha256(b"frontline forms\0" + secret.encode()).digest()
        if not secret:
            self._key = secrets.token_bytes(32)
        self._open: OrderedDict[str, Form] = OrderedDict()

    def opened(self, form: Form, *, own: bool = False) -> Form:
        """The form as it is to be shown."""
        context = {name: text for name, text in form.context.items() if name not in (ONCE, OWN, SEAL)}
        context |= {ONCE: secrets.token_urlsafe(12)} | ({OWN: "1"} if own else {})
        shown = replace(form, context={**context, SEAL: self._seal(form.id, context)})
        self._open[context[ONCE]] = shown
        if len(self._open) > KEPT:
            self._open.popitem(last=False)
        return shown

    def read(self, data: Mapping[str, Any]) -> Sent:
        """Raises ValueError, Forged."""
        filled = dialogs.read(data)
        context = dict(filled.context)
        seal = context.pop(SEAL, "")
        if not hmac.compare_digest(seal.encode(), self._seal(filled.form, context).encode()):
            raise Forged("the form is not as it was opened")
        once, own = context.pop(ONCE, ""), context.pop(OWN, "") == "1"
        return Sent(filled.form, filled.values, context, once, own)

    def again(self, sent: Sent, problem: str) -> Form | None:
        """The form with what was typed and one problem, if it is still known."""
        known = self._open.get(sent.once)
        if known is None:
            return None
        first = known.fields[0].id if known.fields else ""
        return known.rejected({f.id: sent.values.get(f.id, ()) for f in known.fields}, {first: problem})

    def _seal(self, form: str, context: Mapping[str, str]) -> str:
        told = json.dumps([form, sorted(context.items())]).encode()
        return hmac.new(self._key, told, hashlib.sha256).hexdigest()[:32]
