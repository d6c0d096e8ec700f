"""A form as a person fills it in, with a client that reports each choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.model.address import Actor
from bot.model.forms import Form
from bot.model.inbound import Answer, File, FormChanged, Submission
from tests.desk_file import account, desk_file
from tests.harness import ALICE, DeskInMemory, form_of


def desk_file_of(vendor: str, plan: str) -> str:
    """A desk of that vendor, with Acme alone."""
    return desk_file(vendor, rotas={}, people=[], accounts=[account(plan=plan, tam=None)])


def values_of(form: Form, given: Mapping[str, str | Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """What a client sends: the current value of each field that it shows."""
    found: dict[str, tuple[str, ...]] = {}
    for field in form.visible_fields():
        value = given.get(field.id, field.value)
        found[field.id] = ((value,) if value else ()) if isinstance(value, str) else tuple(value)
    return found


async def chooses(
    desk: DeskInMemory, form: Form, who: Actor = ALICE, /, **given: str | Sequence[str]
) -> Form:
    """Fills in values. Returns the form after that."""
    values, now = values_of(form, given), desk.clock.now()
    return form_of(await desk.answers(FormChanged(desk.envelope(), now, who, form.id, values, form.context)))


async def submits(
    desk: DeskInMemory, form: Form, who: Actor = ALICE, files: tuple[File, ...] = (), /, **given: str
) -> Answer:
    """`Open ticket`, with the fields that are shown."""
    values, now = values_of(form, given), desk.clock.now()
    return await desk.answers(Submission(desk.envelope(), now, who, form.id, values, form.context, files))


def asked_fields(form: Form) -> list[str]:
    return [field.id for field in form.visible_fields()]
