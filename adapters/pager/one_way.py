"""The services of a desk's file that messages only go out to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from adapters.pager.adapter import OneWay
from adapters.pager.pagers import Pagers, PagerTarget, Sign
from adapters.pager.phones import PageAddress, Phones
from adapters.pager.webhooks import WebhookSender, WebhookStore, WebhookTarget
from bot.clock import real_now
from bot.config.environment import value_of
from bot.config.pagers import WEBHOOK
from bot.config.settings import DeskSettings
from bot.config.webhooks import PLATFORM
from bot.text import UTC_ZONE


def one_way(settings: DeskSettings, store: WebhookStore, signer: Callable[[str], Sign]) -> Iterator[OneWay]:
    """Phones, pagers and webhooks, those that the desk's file names. Reads their secrets.

    `signer` makes of a secret what signs by Standard Webhooks.
    """
    people = [(person, index) for person in settings.people.values() for index in range(len(person.page))]
    if people:
        addresses = {
            f"{person.id}/{index}": PageAddress(value_of(person.page[index]), person.zone or UTC_ZONE)
            for person, index in people
        }
        yield OneWay("apprise", Phones(addresses))
    if settings.pagers:
        targets = {}
        for pager in settings.pagers.values():
            secret = value_of(pager.secret)
            sign = signer(secret) if pager.kind == WEBHOOK else None
            url, key = value_of(pager.url), value_of(pager.key)
            targets[pager.name] = PagerTarget(pager.role, url, key, sign, listens=bool(secret))
        yield OneWay("pager", Pagers(targets))
    if settings.webhooks:
        webhooks = {
            each.name: WebhookTarget(value_of(each.url), signer(value_of(each.secret)))
            for each in settings.webhooks
        }
        triages = [chat.triage for chat in settings.chats.values() if chat.triage]
        yield OneWay(PLATFORM, WebhookSender(webhooks, store, triages, real_now))
