"""The Teams adapter with a fake Microsoft on loopback that records every call."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from markdown_it import MarkdownIt

from adapters.sql.store import SqlStore
from adapters.teams.adapter import Teams
from adapters.teams.auth import BotRegistration
from adapters.web import WebServer
from bot.model.address import MessageRef, Place, UserRef
from bot.model.inbound import Answer, Dispatch, Inbound
from bot.ports import Clock
from bot.text import named_time
from tests.desk_file import entra
from tests.memory_store import MemoryStore
from tests.platforms.on_slack import nothing
from tests.platforms.workplace import Answers, DisplayedMessage
from tests.scripted_desk import ready
from tests.teams.activities import BOT, activity, executed, invoke, mentioning
from tests.teams.fake_connector import APP, ELSEWHERE, FIRST, OURS, TENANT, Call, FakeMicrosoft, Json, claims

CHANNEL, TRIAGE = "19:acme@thread.tacv2", "19:triage@thread.tacv2"
PLAYGROUND = BotRegistration(APP, "", "", anonymous=True)
"""The Agents Playground signs nothing and has no dialogs."""
GROUP = "00000000-0000-0000-0000-00000000000f"
VENDORS = ("Bob", "Dana", "Eve", "Kim", "Mia")
READER = MarkdownIt("js-default")
_TEXTUAL = {"paragraph_open", "paragraph_close", "inline", "text", "softbreak"}
_DATE = re.compile(r"\{\{DATE\(([^,)]*),SHORT\)\}\}, \{\{TIME\(\1\)\}\}")


@dataclass
class SentCard:
    """A message of ours: the conversation it was sent to, and its current card."""

    conversation: str
    card: Json


@dataclass
class Microsoft(FakeMicrosoft):
    sent_cards: dict[str, SentCard] = field(default_factory=dict)

    def _answer(self, call: Call) -> web.Response:
        parts = [unquote(part) for part in call.path.split("/")]
        if call.method in ("PUT", "DELETE") and parts[-1] not in self.sent_cards:
            error = {"code": "ActivityNotFoundInConversation"}
            return web.json_response({"error": error}, status=404)
        answer = super()._answer(call)
        if call.method == "POST" and parts[-1] == "activities":
            named = str(json.loads(answer.text or "{}")["id"])
            self.sent_cards[named] = SentCard(parts[2], call.card)
        elif call.method == "PUT":
            self.sent_cards[parts[-1]].card = call.card
        elif call.method == "DELETE":
            del self.sent_cards[parts[-1]]
        return answer


class OnTeams:
    name = "teams"
    channel = Place("teams", CHANNEL)
    triage = Place("teams", TRIAGE)

    def __init__(self, microsoft: Microsoft, ours: Teams) -> None:
        self.microsoft, self.ours = microsoft, ours
        self.dispatch: Dispatch = nothing
        self.url = ""
        self.session: aiohttp.ClientSession | None = None
        self._numbers = itertools.count(1)
        people = [self.account_json(name) for name in ("Alice", *VENDORS)]
        microsoft.members = {CHANNEL: people, TRIAGE: people[1:]}

    def account_json(self, name: str) -> Json:
        """People who do not work for the vendor belong to another tenant."""
        home = TENANT if name in VENDORS else ELSEWHERE
        return {"id": f"29:{name.lower()}", "name": name, "aadObjectId": entra(name), "tenantId": home}

    def user(self, name: str) -> UserRef:
        return UserRef("teams", "", entra(name))

    def displayed(self, message: MessageRef) -> DisplayedMessage:
        found = self.microsoft.sent_cards[message.id]
        place, _, thread = found.conversation.partition(";messageid=")
        blocks = list(_blocks(found.card["body"]))
        labels = tuple(action["title"] for action in _actions(found.card["body"]))
        text = "\n".join(_reads(block) for block in blocks)
        live = [kind for block in blocks for kind in _live(block)]
        entities = found.card.get("msteams", {}).get("entities", [])
        live += [f"mentions {entity['mentioned']['id']}" for entity in entities]
        return DisplayedMessage(text, labels, tuple(sorted(live)), place, thread or None)

    # What people do ---------------------------------------------------------------------------

    async def send(self, seen: Json) -> Any:
        """Post an activity with a good token; its JSON answer."""
        assert self.session is not None
        token = FIRST.sign(**claims(self.microsoft.service))
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.post(self.url, json=seen, headers=headers) as response:
            assert response.status == 200, await response.text()
            is_json = response.content_type == "application/json"
            answer = await response.json() if is_json else None
        await self.ours._responder.settle()
        return answer

    def at(self, who: str, conversation: str, id_: str = "") -> Json:
        """The part of an activity that says who acts and where."""
        where = {
            "id": conversation,
            "isGroup": True,
            "conversationType": "personal" if conversation.startswith("a:") else "channel",
            "tenantId": TENANT,
        }
        about: Json = {"tenant": {"id": TENANT}, "team": {"id": "19:team@thread.tacv2"}}
        number = id_ or f"1800{next(self._numbers)}"
        return {"id": number, "from": self.account_json(who), "conversation": where, "channelData": about}

    async def installed(self) -> None:
        """Teams tells the bot of the channels that it was added to."""
        for place in (CHANNEL, TRIAGE):
            told = {**self.at("Bob", place), "membersAdded": [{"id": BOT}]}
            told["channelData"]["team"] |= {"aadGroupId": GROUP, "name": "Support"}
            await self.send(activity(self.microsoft.service, "conversationUpdate", **told))

    async def opens(self, who: str, summary: str, answers: Answers) -> None:
        """A mention, and the form that it is answered with, filled in and sent."""
        named, asked = await self.asks(who, summary)
        assert (await self.execute(who, asked.conversation, named, filled_in(asked.card, answers)))[
            "statusCode"
        ] == 200

    async def asks(self, who: str, summary: str) -> tuple[str, SentCard]:
        """A mention, and the card in its thread that is the form; with the card's id."""
        root = f"1800{next(self._numbers)}"
        conversation = f"{CHANNEL};messageid={root}"
        said = mentioning(
            self.microsoft.service, f"support {summary}", **self.at(who, conversation, id_=root)
        )
        await self.send(said)
        named, asked = list(self.microsoft.sent_cards.items())[-1]
        assert asked.conversation == conversation
        return named, asked

    async def mentions(self, who: str, words: str, home: str = "") -> list[SentCard]:
        """Mentions the bot at the top of the customer's channel; what it posts then. `home`: the tenant."""
        before, root = len(self.microsoft.sent_cards), f"1800{next(self._numbers)}"
        where = self.at(who, f"{CHANNEL};messageid={root}", id_=root)
        if home:
            where["from"]["tenantId"] = home
        await self.send(mentioning(self.microsoft.service, words, **where))
        return list(self.microsoft.sent_cards.values())[before:]

    async def presses(self, who: str, label: str, on: MessageRef, text: str | None = None) -> str:
        sent_cards = self.microsoft.sent_cards[on.id]
        (action,) = [a for a in _actions(sent_cards.card["body"]) if a["title"] == label]
        if action["type"] == "Action.Execute":
            assert text is None, f"{label} acts at once"
            before = len(self.microsoft.sent_cards)
            answer = await self.execute(who, sent_cards.conversation, on.id, action["data"])
            new = list(self.microsoft.sent_cards.values())[before:]
            return "\n".join([str(answer["value"]), *(words_of(each.card) for each in new)])
        opened = await self.fetches_dialog(who, label, on)
        if opened["task"]["type"] == "message":
            assert text is None, f"{label} acts at once"
            return str(opened["task"]["value"])
        dialog = card_in(opened)
        if text is None:
            return "" if dialog.get("actions") else words_of(dialog)
        data = filled_in(dialog, {"text": text} if text else {})
        assert await self.task("task/submit", who, sent_cards.conversation, on.id, data) is None
        return ""

    async def reads_form(self, who: str, label: str, on: MessageRef) -> str:
        """Teams tells nobody of a dialog that was dismissed."""
        return words_of(await self.opens_dialog(who, label, on))

    async def opens_dialog(self, who: str, label: str, on: MessageRef) -> Json:
        """The card of the dialog that a button opens."""
        return card_in(await self.fetches_dialog(who, label, on))

    async def fetches_dialog(self, who: str, label: str, on: MessageRef) -> Any:
        """The answer to a button that asks for a dialog: the dialog, or a line of text."""
        sent_cards = self.microsoft.sent_cards[on.id]
        (action,) = [a for a in _actions(sent_cards.card["body"]) if a["title"] == label]
        return await self.task("task/fetch", who, sent_cards.conversation, on.id, action["data"])

    async def writes(self, who: str, text: str, below: MessageRef) -> None:
        conversation = f"{below.place.id};messageid={below.id}"
        await self.send(activity(self.microsoft.service, text=text, **self.at(who, conversation)))

    async def acts(self, inbound: Inbound) -> Answer:
        return await self.dispatch(inbound)

    async def execute(self, who: str, conversation: str, message: str, data: Json) -> Any:
        seen = executed(self.microsoft.service, data, replyToId=message, **self.at(who, conversation))
        return await self.send(seen)

    async def task(self, name: str, who: str, conversation: str, message: str, data: Json) -> Any:
        where = self.at(who, conversation)
        return await self.send(
            invoke(self.microsoft.service, name, {"data": data}, replyToId=message, **where)
        )


def _blocks(found: Any) -> Iterator[Json]:
    """Every block of text, in reading order."""
    for item in found:
        if item["type"] in ("TextBlock", "RichTextBlock"):
            yield item
        for name in ("items", "columns"):
            yield from _blocks(item.get(name, ()))


def card_in(answer: Any) -> Json:
    """The card of the dialog that an answer opens or keeps open."""
    assert answer["task"]["type"] == "continue", answer
    card: Json = answer["task"]["value"]["card"]["content"]
    return card


def filled_in(card: Json, answers: Answers) -> Json:
    """What a client sends of a form; what is not named keeps what it shows."""
    action, *_ = card["actions"]
    displayed = {element["id"]: element["value"] for element in _inputs(card["body"]) if "value" in element}
    return {**action["data"], **displayed, **answers}


def words_of(card: Json) -> str:
    return "\n".join(_reads(block) for block in _blocks(card["body"]))


def labels_of(card: Json) -> list[str]:
    """Of all its buttons, also those of a form."""
    return [action["title"] for action in (*_actions(card["body"]), *card.get("actions", ()))]


def _inputs(found: Any) -> list[Json]:
    return [item for item in found if item["type"].startswith("Input.")]


def _actions(found: Any) -> list[Json]:
    """The buttons, also those that a menu shows and hides; without the menu's own button."""
    rows = [row for item in found for row in (item, *item.get("items", ())) if row["type"] == "ActionSet"]
    actions = [action for row in rows for action in row["actions"]]
    return [action for action in actions if action["type"] != "Action.ToggleVisibility"]


def _reads(block: Json) -> str:
    """What a client in London shows of it in winter."""
    if block["type"] == "RichTextBlock":
        return "".join(_dated(run["text"]) for run in block["inlines"])
    displayed = _dated(block["text"]).replace("<at>", "").replace("</at>", "")
    return "".join(child.content for part in READER.parse(displayed) for child in part.children or ())


def _dated(text: str) -> str:
    return _DATE.sub(lambda found: named_time(datetime.fromisoformat(found[1]), UTC), text)


def _live(block: Json) -> Iterator[str]:
    """Markdown has its own reader; dates and mentions are read in both kinds of text."""
    texts = [block["text"]] if "text" in block else [run["text"] for run in block["inlines"]]
    for text in texts:
        for token in ("{{", "<at", "</at"):
            yield from [token] * text.lower().count(token)
    for run in block.get("inlines", ()):
        if "selectAction" in run:
            yield str(run["selectAction"]["url"])
    if "text" in block:
        for part in READER.parse(block["text"]):
            yield from (kind for kind in (part.type, *_kinds(part.children)) if kind not in _TEXTUAL)


def _kinds(children: Any) -> list[str]:
    """What Markdown makes of it; of a link also where it leads."""
    return [f"{child.type} {child.attrGet('href') or ''}".strip() for child in children or ()]


@asynccontextmanager
async def on_teams(
    clock: Clock,
    store: MemoryStore | SqlStore,
    app: BotRegistration = OURS,
    running: Microsoft | None = None,
) -> AsyncIterator[OnTeams]:
    """The adapter behind its endpoint. A Microsoft that is `running` has the bot in its channels already."""
    microsoft = running or Microsoft()
    if app.anonymous:
        microsoft.good.add("")
    if running is None:
        await microsoft.start()
    ours = Teams(app, clock, store, store.ticket_of, endpoints=microsoft.cloud)
    workplace = OnTeams(microsoft, ours)
    await ours.start()
    server = WebServer("127.0.0.1", 0, ours.routes(workplace.acts), ready)
    await server.start()
    async with aiohttp.ClientSession() as workplace.session:
        workplace.url = f"{server.address}/api/messages"
        if running is None:
            await workplace.installed()
        microsoft.calls.clear()
        yield workplace
    await ours.close()
    await server.stop()
    await microsoft.stop()
