"""Replays tickets against a policy, and says what another policy would have made of them."""

from __future__ import annotations

from rich.console import Console

from bot.cli.policy.simulate_show import as_json, show
from bot.cli.policy.simulation import Histories, SimulationRequest, simulate
from bot.cli.process import DONE
from bot.cli.terminal import print_json
from bot.clock import real_now


def run(request: SimulationRequest, histories: Histories, json_output: bool) -> int:
    found = simulate(request, histories, real_now(), Console(stderr=True))
    if json_output:
        print_json(as_json(found))
    else:
        show(found, Console())
    return DONE
