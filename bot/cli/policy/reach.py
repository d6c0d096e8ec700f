"""Whom pages and messages of a desk reach: what `frontline check` says about people and roles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.config.settings import DeskSettings
from bot.model.address import Person
from sla_core.oncall import ListRota


def is_reachable(settings: DeskSettings, person: Person) -> bool:
    """Whether there is a way to page them: a chat, a `page` address, or a pager that stands for them."""
    in_chat = any(person.on(platform) for platform in settings.chats)
    return in_chat or bool(person.page) or person.id in settings.pagers


def platform_names(platforms: Iterable[str]) -> str:
    return " or ".join(platform.title() for platform in platforms)


def reach_warnings(settings: DeskSettings) -> Iterator[str]:
    """People whom nothing reaches, and roles whose pages reach nobody."""
    missing = f"no id on {platform_names(settings.chats)} and no page address"
    reached = {id_ for id_, person in settings.people.items() if is_reachable(settings, person)}
    roles = {step.role: settings.rotas.get(step.role, ListRota(())) for step in settings.policies[-1].steps}
    for role, rota in roles.items():
        if rota.people and not reached & set(rota.people):
            names = ", ".join(sorted(rota.people))
            yield f"rotas.{role}: a page to this role reaches nobody: {missing} for {names}"
    if roles and not any(reached & set(rota.people) for rota in roles.values()):
        yield f"rotas: no page reaches anybody, as the people there have {missing}"
    on_rotas = {id_ for rota in settings.rotas.values() for id_ in rota.people}
    for id_, person in settings.people.items():
        if id_ not in reached | on_rotas:
            yield f"people.{id_}: nothing reaches {person.name}, who has {missing}; add one"
