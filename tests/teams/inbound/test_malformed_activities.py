"""Ten thousand activities out of shape, with a good token: refused or taken, never a 5xx."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from adapters.teams.auth import Forbidden, Identity
from adapters.teams.inbound.endpoint import parsed
from adapters.teams.payloads import Malformed
from bot.model.inbound import ChannelChanged, Command, Inbound, MessageChanged, Posted, Press, Submission
from tests.teams.activities import CHANNEL, person, samples
from tests.teams.conftest import TeamsWithDesk
from tests.teams.fake_connector import TENANT

SEED = 20260320
COUNT = 10_000
JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    2**80,
    "",
    " ",
    "x" * 3000,
    "\0",
    "\ud800",
    "‮<at>x</at>{{DATE(x)}}",
    "19:;messageid=",
    [],
    [None],
    [[[]]],
    {},
    {"id": None},
    {"id": {"id": {}}},
    {"frontline": {"form": "intake", "context": {"place": "x"}, "text": ["a"]}},
    {"frontline": 5},
    {"action": "acknowledge", "value": 5},
    {"action": {"data": {"action": "take"}}},
]


def mutated(sample: Any, chance: random.Random) -> Any:
    """One or a few places of it changed, dropped, or put elsewhere."""
    body = copy.deepcopy(sample)
    for _ in range(chance.choice((1, 1, 2, 5))):
        holder, key = chance.choice(list(places(body)))
        match chance.randrange(4):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1:
                holder[key] = [holder[key]]
            case 2 if isinstance(holder, dict):
                holder[chance.choice(("type", "id", "value", "name", "\ud800"))] = copy.deepcopy(
                    chance.choice(JUNK)
                )
            case _:
                holder[key] = copy.deepcopy(chance.choice(JUNK))
        if not body:
            break
    return body


def places(found: Any) -> Iterator[tuple[Any, Any]]:
    keys = found if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else ()
    for key in list(keys):
        yield found, key
        yield from places(found[key])


async def test_ten_thousand_malformed_activities_are_refused_without_errors(
    teams_desk: TeamsWithDesk,
) -> None:
    teams_desk.microsoft.members = {CHANNEL: [person(tenantId=TENANT)]}
    desk, endpoint = teams_desk.desk, teams_desk.teams.endpoint(teams_desk.desk)
    chance, materials = random.Random(SEED), samples(teams_desk.microsoft.service)
    seen = {"taken": 0, "refused": 0}
    for _ in range(COUNT):
        raw = json.dumps(mutated(chance.choice(materials), chance)).encode()
        acts = len(desk.heard)
        try:
            body = parsed(raw)
            service = body.get("serviceUrl")
            identity = Identity({"serviceurl": service if isinstance(service, str) else ""})
            answer = await endpoint.take(identity, body)
        except (Malformed, Forbidden):
            seen["refused"] += 1
            assert len(desk.heard) == acts, "refused, and yet done"
            continue
        if answer is not None:
            assert answer.status == 200, raw
            json.dumps(answer.body).encode()
        seen["taken"] += 1
    assert min(seen.values()) > COUNT // 10, seen
    for act in desk.heard:
        sound(act)


def sound(act: Inbound) -> None:
    """Whole, and such as any database takes."""
    if isinstance(act, ChannelChanged):
        texts = (act.key, act.place.id, act.name)
    else:
        assert isinstance(act, Command | Press | Submission | Posted | MessageChanged)
        files = (part for file in getattr(act, "files", ()) for part in (file.name, file.url))
        texts = (act.key, act.actor.name, act.actor.user.id, getattr(act, "text", "") or "", *files)
    for text in texts:
        assert isinstance(text, str)
        assert "\0" not in text
        text.encode()
    assert not isinstance(act, Submission), "no fuzz has our seal"
