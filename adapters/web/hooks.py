"""What other systems call: monitoring and pagers, each with its secret of the desk's file."""

from __future__ import annotations

from adapters.web.alert_hooks import AlertHooks
from adapters.web.pager_hooks import PagerSecret, pager_routes
from adapters.web.server import Route
from bot.clock import real_now
from bot.config.environment import value_of, variable
from bot.config.settings import DeskSettings
from bot.model.inbound import Dispatch
from bot.ports import Clock


def hook_routes(settings: DeskSettings, dispatch: Dispatch, clock: Clock) -> list[Route]:
    """The hooks of `[[alerts]]` and `[[pagers]]`. Reads their secrets from the environment."""
    alert_secrets = {alert.name: variable(alert.secret) for alert in settings.alerts}
    secrets = {
        pager.name: PagerSecret(pager.kind, value_of(pager.secret))
        for pager in settings.pagers.values()
        if pager.secret
    }
    alerts = AlertHooks(settings.alerts, alert_secrets, dispatch, clock)
    return [*alerts.routes(), *pager_routes(secrets, dispatch, real_now)]
