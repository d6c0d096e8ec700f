"""Every way in, and the way that each answer goes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from adapters.teams.outbound import responder
from adapters.teams.outbound.responder import (
    CANCELLED,
    DONE,
    ELSEWHERE,
    IN_THREAD,
    NOT_HERE,
    SORRY,
    THANKS,
)
from adapters.teams.rendering.card_parts import CONTENT_TYPE
from bot.model.address import MessageRef, Place, UserRef
from bot.model.forms import OUT_OF_DATE, ChoiceField, Form, TextField
from bot.model.inbound import Ask, Command, Done, FormClosed, Posted, Press, Show, Submission
from bot.model.views import Notice, Receipt
from sla_core.promise import Tone
from sla_core.triage import Option
from tests.scripted_desk import NOON
from tests.teams.activities import (
    ANN,
    BOB,
    BOT,
    CHANNEL,
    CHAT,
    ROOT,
    activity,
    executed,
    guest_tenant,
    invoke,
    mention,
    mentioning,
    person,
    personal,
)
from tests.teams.conftest import Json, TeamsWithDesk
from tests.teams.fake_connector import ELSEWHERE as OTHER_TENANT
from tests.teams.fake_connector import TENANT, Refusal

ACME = Place("teams", CHANNEL)
FORM = Form(
    "intake",
    "m3ter support",
    "Open ticket",
    (
        TextField("summary", "Summary"),
        ChoiceField("impact", "Impact", (Option("all", "All"), Option("some", "Some")), many=True),
    ),
    {"place": str(ACME), "version": "1"},
)
PRESS = {"action": "acknowledge", "value": "ACME-1"}
REFUSED = Show(Notice(("Only agents can do that.",), Tone.WARN))
TEXT_ANSWER = "application/vnd.microsoft.activity.message"
CHANNEL_PATH = quote(CHANNEL, safe="")
RECEIPT = Show(Receipt("ACME-1", ("because",)))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("support Bills are late", "Bills are late"),
        ("Support: Bills\nare late", "Bills\nare late"),
        ("/support", ""),
        ("", ""),
        ("Bills are late", "Bills are late"),
        ("supporting you", "supporting you"),
        ("support-desk is down", "support-desk is down"),
        ("a &lt;b&gt; &amp;amp;&nbsp;c", "a <b> &amp; c"),
        ("ask <at>Bob</at> too", "ask @Bob too"),
    ],
)
async def test_a_mention_is_a_command(teams_desk: TeamsWithDesk, words: str, text: str) -> None:
    assert await teams_desk.send(mentioning(teams_desk.microsoft.service, words, id=ROOT)) == (200, None)
    (command,) = teams_desk.desk.heard
    assert isinstance(command, Command)
    assert (command.name, command.text, command.place) == ("/support", text, ACME)
    assert command.actor.user == UserRef("teams", TENANT, ANN)
    assert (command.actor.name, command.actor.team, command.at) == ("Ann", TENANT, NOON)
    assert command.key == f"command/teams/{CHANNEL};messageid={ROOT}/{ROOT}"


async def test_mentions_of_others_are_ignored(teams_desk: TeamsWithDesk) -> None:
    seen = activity(
        teams_desk.microsoft.service,
        text="<at>Bob</at> look",
        entities=[mention("<at>Bob</at>", "29:bob"), {"type": "mention", "mentioned": 5}],
    )
    await teams_desk.send(seen)
    (posted,) = teams_desk.desk.heard
    assert isinstance(posted, Posted)
    assert posted.text == "@Bob look"


async def test_a_message_in_a_thread(teams_desk: TeamsWithDesk) -> None:
    await teams_desk.send(activity(teams_desk.microsoft.service, text="any news?"))
    (posted,) = teams_desk.desk.heard
    assert isinstance(posted, Posted)
    assert posted.thread == MessageRef(ACME, ROOT)
    assert posted.message == MessageRef(ACME, "1700000000002")
    await teams_desk.send(activity(teams_desk.microsoft.service, id=ROOT, text="a new one"))
    assert getattr(teams_desk.desk.heard[1], "thread", "") is None


async def test_a_mention_in_a_tickets_thread_belongs_to_the_ticket(teams_desk: TeamsWithDesk) -> None:
    service = teams_desk.microsoft.service
    await teams_desk.send(mentioning(service, "any news?"))
    assert isinstance(teams_desk.desk.heard[-1], Command), "nobody's thread"
    teams_desk.tickets[MessageRef(ACME, ROOT)] = "ACME-1"
    await teams_desk.send(mentioning(service, "any news?"))
    posted = teams_desk.desk.heard[-1]
    assert isinstance(posted, Posted)
    assert posted.text == "any news?"
    await teams_desk.send(mentioning(service, "support something else"))
    assert isinstance(teams_desk.desk.heard[-1], Command), "asked for by its name"


async def test_a_chat_with_the_bot_alone_is_a_command(teams_desk: TeamsWithDesk) -> None:
    await teams_desk.send(personal(teams_desk.microsoft.service, text="Bills are late"))
    (command,) = teams_desk.desk.heard
    assert isinstance(command, Command)
    assert command.place == Place("teams", CHAT, direct=True)
    assert command.text == "Bills are late"


async def test_messages_of_bots_are_ignored(teams_desk: TeamsWithDesk) -> None:
    service = teams_desk.microsoft.service
    for sender in ({"id": BOT}, {"id": "28:x", "role": "bot"}):
        more = {"from": dict[str, Any](sender), "id": ROOT}
        await teams_desk.send(mentioning(service, "support Bills are late", **more))
    await teams_desk.send(activity(service, text="ours", **{"from": {"id": BOT}}))
    assert teams_desk.desk.heard == []


async def test_another_apps_reply_is_a_message_and_never_a_command(teams_desk: TeamsWithDesk) -> None:
    sender = {"id": "28:x", "name": "Acme Jira", "role": "bot"}
    service = teams_desk.microsoft.service
    await teams_desk.send(mentioning(service, "support Bills are late", **{"from": sender}))
    (said,) = teams_desk.desk.heard
    assert isinstance(said, Posted)
    assert (said.from_app, said.actor.name, said.thread) == (True, "Acme Jira", MessageRef(ACME, ROOT))


async def test_a_message_is_answered_with_the_form_as_a_card_in_its_thread(teams_desk: TeamsWithDesk) -> None:
    teams_desk.desk.answer = Ask(FORM)
    await teams_desk.send(mentioning(teams_desk.microsoft.service, "support", id=ROOT))
    await teams_desk.settled()
    (call,) = teams_desk.microsoft.sent()
    assert call.path.endswith(f"%3Bmessageid%3D{ROOT}/activities")
    assert call.body["summary"] == "m3ter support"
    assert held(call.card)["form"] == "intake"


def held(card: Any) -> Json:
    """The hidden data of a form card."""
    found = card["actions"][0]["data"]["frontline"]
    assert isinstance(found, dict)
    return found


async def form(teams_desk: TeamsWithDesk) -> Json:
    """The data of a form that was opened by a mention, without its inputs."""
    teams_desk.desk.answer = Ask(FORM)
    await teams_desk.send(mentioning(teams_desk.microsoft.service, "support", id=ROOT))
    await teams_desk.settled()
    return {"frontline": held(teams_desk.microsoft.sent()[-1].card)}


async def test_a_submitted_form_card_is_replaced_by_thanks(teams_desk: TeamsWithDesk) -> None:
    data = {**await form(teams_desk), "summary": "Late", "impact": "all,some"}
    teams_desk.desk.answer = Done()
    status, answer = await teams_desk.send(executed(teams_desk.microsoft.service, data, replyToId="170001"))
    sent = teams_desk.desk.heard[-1]
    assert isinstance(sent, Submission)
    assert sent.form == "intake"
    assert sent.values == {"summary": ("Late",), "impact": ("all", "some")}
    assert sent.context == FORM.context
    assert (status, answer["type"]) == (200, CONTENT_TYPE)
    assert THANKS in str(answer["value"])
    await teams_desk.settled()
    last = teams_desk.microsoft.sent()[-1]
    assert (last.method, last.path.rsplit("/", 1)[1]) == ("PUT", "170001")
    assert THANKS in str(last.body)
    again = executed(teams_desk.microsoft.service, data, id="f:other", replyToId="170001")
    await teams_desk.send(again)
    assert teams_desk.desk.heard[-1].key == sent.key, "pressed twice is once"
    other = executed(teams_desk.microsoft.service, data, **{"from": person("Bob", BOB)})
    await teams_desk.send(other)
    assert teams_desk.desk.heard[-1].key != sent.key


async def test_a_rejected_form_card_keeps_what_was_typed(teams_desk: TeamsWithDesk) -> None:
    data = {**await form(teams_desk), "summary": "Late & <b>"}
    teams_desk.desk.answer = Ask(FORM.rejected({"summary": ("Late & <b>",)}, {"impact": "Please choose."}))
    _, answer = await teams_desk.send(executed(teams_desk.microsoft.service, data, replyToId="170001"))
    assert answer["type"] == CONTENT_TYPE
    assert "Please choose." in str(answer["value"])
    assert "Late & <b>" in str(answer["value"])
    again = held(answer["value"])
    assert again != data["frontline"], "another form, another act"
    teams_desk.desk.answer = Done()
    await teams_desk.send(executed(teams_desk.microsoft.service, {"frontline": again, "summary": "Late"}))
    sent = teams_desk.desk.heard[-1]
    assert isinstance(sent, Submission)
    assert sent.values["summary"] == ("Late",)
    await teams_desk.settled()
    assert teams_desk.microsoft.sent()[-1].method == "PUT", "it is still the message by itself"


async def test_a_form_from_a_pressed_card_does_not_overwrite_that_card(teams_desk: TeamsWithDesk) -> None:
    teams_desk.desk.answer = Ask(FORM)
    _, answer = await teams_desk.send(executed(teams_desk.microsoft.service, PRESS))
    data = {"frontline": held(answer["value"]), "summary": "Late"}
    teams_desk.desk.answer = Done()
    await teams_desk.send(executed(teams_desk.microsoft.service, data))
    await teams_desk.settled()
    assert teams_desk.microsoft.sent() == []


async def test_a_cancelled_form_card_is_closed_for_everybody(teams_desk: TeamsWithDesk) -> None:
    teams_desk.desk.answer = Ask(FORM)
    await teams_desk.send(mentioning(teams_desk.microsoft.service, "support", id=ROOT))
    await teams_desk.settled()
    cancel = teams_desk.microsoft.sent()[-1].card["actions"][1]["data"]
    teams_desk.desk.answer = Done()
    pressed = executed(teams_desk.microsoft.service, cancel, replyToId="170001")
    _, answer = await teams_desk.send(pressed)
    closed = teams_desk.desk.heard[-1]
    assert isinstance(closed, FormClosed)
    assert (closed.form, closed.values, closed.context, closed.message) == ("intake", {}, FORM.context, None)
    assert CANCELLED in str(answer["value"])
    await teams_desk.settled()
    last = teams_desk.microsoft.sent()[-1]
    assert (last.method, last.path.rsplit("/", 1)[1]) == ("PUT", "170001")
    assert CANCELLED in str(last.body)
    teams_desk.desk.answer = RuntimeError("database is locked")
    _, answer = await teams_desk.send(pressed)
    assert CANCELLED in str(answer["value"]), "nothing depends on the desk"


async def test_a_ticket_that_a_form_card_opened_is_named_in_its_place(teams_desk: TeamsWithDesk) -> None:
    data = {**await form(teams_desk), "summary": "Late"}
    for said in (Done(ticket="ACME-1"), Show(Notice(("It is public.",)), ticket="ACME-1")):
        teams_desk.desk.answer = said
        await teams_desk.send(executed(teams_desk.microsoft.service, data, replyToId="170001"))
        await teams_desk.settled()
        assert "ACME-1 is open." in str(teams_desk.microsoft.sent()[-1].body)


async def test_a_refused_form_stays_open_for_others(teams_desk: TeamsWithDesk) -> None:
    data = await form(teams_desk)
    teams_desk.desk.answer = REFUSED
    _, answer = await teams_desk.send(executed(teams_desk.microsoft.service, data, replyToId="170001"))
    assert "Only agents" in answer["value"]
    await teams_desk.settled()
    assert [call.method for call in teams_desk.microsoft.sent()] == ["POST"]


@pytest.mark.parametrize(
    "change",
    [
        lambda held: {**held, "form": "resolve"},
        lambda held: {**held, "context": {**held["context"], "place": "teams:19:other@thread.tacv2"}},
        lambda held: {**held, "context": {**held["context"], "ticket": "OTHER-1"}},
        lambda held: {**held, "context": {}},
        lambda held: {**held, "context": {**held["context"], "~seal": "0" * 32}},
        lambda held: {**held, "context": {**held["context"], "~seal": "ü"}},
    ],
)
async def test_a_forged_form_is_refused(teams_desk: TeamsWithDesk, change: Any) -> None:
    data = await form(teams_desk)
    heard = len(teams_desk.desk.heard)
    forged = {"frontline": change(data["frontline"]), "summary": "x"}
    _, answer = await teams_desk.send(executed(teams_desk.microsoft.service, forged))
    assert OUT_OF_DATE in str(answer)
    assert len(teams_desk.desk.heard) == heard


async def test_a_failure_keeps_what_was_typed(teams_desk: TeamsWithDesk) -> None:
    data = {**await form(teams_desk), "summary": "Late"}
    teams_desk.desk.answer = RuntimeError("bug")
    service = teams_desk.microsoft.service
    status, answer = await teams_desk.send(executed(service, data))
    assert (status, answer["statusCode"]) == (200, 400), "the card stays as it is"
    assert answer["value"]["message"] == SORRY
    status, answer = await teams_desk.send(invoke(service, "task/submit", {"data": data}))
    assert status == 200
    assert answer["task"]["type"] == "continue"
    assert SORRY in str(answer)
    assert "Late" in str(answer)


async def test_every_kind_of_button_is_a_press(teams_desk: TeamsWithDesk) -> None:
    service = teams_desk.microsoft.service
    acts: list[tuple[Json, Json | None]] = [
        (executed(service, PRESS), {"statusCode": 200, "value": DONE}),
        (
            invoke(service, "task/fetch", {"data": {**PRESS, "msteams": {"type": "task/fetch"}}}),
            {"task": {"type": "message", "value": DONE}},
        ),
        (activity(service, text="", value=PRESS, replyToId=ROOT), None),
    ]
    for number, (seen, expected) in enumerate(acts):
        status, answer = await teams_desk.send(seen)
        press = teams_desk.desk.heard[number]
        assert isinstance(press, Press)
        assert (press.action, press.value, press.message) == ("acknowledge", "ACME-1", MessageRef(ACME, ROOT))
        assert status == 200
        assert (answer and {key: answer[key] for key in expected or {}}) == expected
    assert teams_desk.desk.heard[0].key == f"press/teams/{CHANNEL};messageid={ROOT}/f:1"


async def test_a_button_of_another_app_is_refused(teams_desk: TeamsWithDesk) -> None:
    wrong: tuple[Any, ...] = (None, {}, {"action": 5}, {"action": "take", "value": 5}, [], "x")
    for data in wrong:
        assert (await teams_desk.send(executed(teams_desk.microsoft.service, data)))[0] == 400


async def test_a_dialog_opens_rejects_and_closes(teams_desk: TeamsWithDesk) -> None:
    service = teams_desk.microsoft.service
    teams_desk.desk.answer = Ask(FORM)
    _, answer = await teams_desk.send(invoke(service, "task/fetch", {"data": PRESS}))
    assert answer["task"]["type"] == "continue"
    data = {"frontline": held(answer["task"]["value"]["card"]["content"]), "summary": ""}
    teams_desk.desk.answer = Ask(FORM.rejected({}, {"summary": "Please write."}))
    _, answer = await teams_desk.send(invoke(service, "task/submit", {"data": data}))
    assert "Please write." in str(answer["task"]["value"])
    teams_desk.desk.answer = Done()
    assert await teams_desk.send(invoke(service, "task/submit", {"data": data})) == (200, None)
    teams_desk.desk.answer = REFUSED
    _, answer = await teams_desk.send(invoke(service, "task/submit", {"data": data}))
    assert "Only agents" in str(answer["task"]["value"])
    assert teams_desk.microsoft.sent() == []


async def test_the_message_extension_opens_and_submits_the_form(teams_desk: TeamsWithDesk) -> None:
    service = teams_desk.microsoft.service
    teams_desk.desk.answer = Ask(FORM)
    payload = {"id": "17", "body": {"content": "<p>Bills&nbsp;are <b>late</b></p>"}}
    value = {"commandId": "support", "commandContext": "message", "messagePayload": payload}
    _, answer = await teams_desk.send(invoke(service, "composeExtension/fetchTask", value))
    command = teams_desk.desk.heard[-1]
    assert isinstance(command, Command)
    assert " ".join(command.text.split()) == "Bills are late"
    assert command.about == MessageRef(command.place, "17")
    data = {"frontline": held(answer["task"]["value"]["card"]["content"]), "summary": "Late"}
    teams_desk.desk.answer = Done()
    sent = invoke(service, "composeExtension/submitAction", {"commandId": "support", "data": data})
    assert await teams_desk.send(sent) == (200, None)
    assert isinstance(teams_desk.desk.heard[-1], Submission)


async def test_a_private_answer_is_shown_only_to_the_person_who_pressed(teams_desk: TeamsWithDesk) -> None:
    teams_desk.desk.answer = REFUSED
    _, answer = await teams_desk.send(executed(teams_desk.microsoft.service, PRESS))
    assert answer["type"] == "application/vnd.microsoft.activity.message"
    assert "Only agents can do that." in answer["value"]
    await teams_desk.settled()
    assert teams_desk.microsoft.sent() == []


async def test_a_long_private_answer_goes_to_the_chat(teams_desk: TeamsWithDesk) -> None:
    teams_desk.desk.answer = RECEIPT
    _, answer = await teams_desk.send(executed(teams_desk.microsoft.service, PRESS))
    assert answer["value"] == ELSEWHERE
    create, say = teams_desk.microsoft.sent()
    assert create.body["members"] == [{"id": "29:ann"}]
    assert CHANNEL not in say.path
    assert "ACME-1" in str(say.body)


@pytest.mark.parametrize("conversation", [CHANNEL, f"{CHANNEL};messageid={ROOT}"])
@pytest.mark.parametrize("public", [True, False])
async def test_the_answer_to_a_person_without_a_chat_never_takes_the_cards_place(
    teams_desk: TeamsWithDesk, public: bool, conversation: str
) -> None:
    teams_desk.desk.answer = replace(RECEIPT, public=public)
    pressed = executed(teams_desk.microsoft.service, PRESS)
    pressed["conversation"]["id"] = conversation
    blocked = [Refusal(403, "MessageWritesBlocked")]
    for seen, refusals in (({**pressed, "from": guest_tenant()}, []), (pressed, blocked)):
        teams_desk.microsoft.calls.clear()
        teams_desk.microsoft.refuse = [*refusals]
        _, answer = await teams_desk.send(seen)
        await teams_desk.settled()
        assert (answer["type"], answer["value"]) == (TEXT_ANSWER, IN_THREAD if public else NOT_HERE)
        in_thread = [call for call in teams_desk.microsoft.sent() if CHANNEL_PATH in call.path]
        assert [call.path.endswith(f"%3Bmessageid%3D{ROOT}/activities") for call in in_thread] == [
            True
        ] * public
        assert len(teams_desk.microsoft.sent()) == public + len(refusals), "nobody of elsewhere gets a chat"


async def test_a_private_answer_to_a_message_is_never_public(teams_desk: TeamsWithDesk) -> None:
    service = teams_desk.microsoft.service
    teams_desk.desk.answer = Show(Notice(("secret",)))
    await teams_desk.send(mentioning(service, "support"))
    await teams_desk.settled()
    assert [CHANNEL in call.path for call in teams_desk.microsoft.sent()] == [False, False]
    teams_desk.microsoft.calls.clear()
    await teams_desk.send(mentioning(service, "support", **{"from": guest_tenant()}))
    await teams_desk.settled()
    (call,) = teams_desk.microsoft.sent()
    assert "secret" not in str(call.body)
    assert "The answer is for you alone" in str(call.body)


async def test_an_answer_that_all_may_read_goes_to_the_thread_of_a_person_without_a_chat(
    teams_desk: TeamsWithDesk,
) -> None:
    service = teams_desk.microsoft.service
    teams_desk.desk.answer = Show(Notice(("Two are open.",)), public=True)
    await teams_desk.send(mentioning(service, "list", **{"from": guest_tenant()}))
    await teams_desk.send(activity(service, text="", value=PRESS, **{"from": guest_tenant()}))
    await teams_desk.settled()
    calls = teams_desk.microsoft.sent()
    assert [call.path.endswith(f"%3Bmessageid%3D{ROOT}/activities") for call in calls] == [True, True]
    assert all("Two are open." in str(call.body) for call in calls)


async def test_a_targeted_message_is_answered_as_such(teams_desk: TeamsWithDesk) -> None:
    service = teams_desk.microsoft.service
    teams_desk.desk.answer = Show(Notice(("secret",)))
    seen = activity(service, text="support", recipient={"id": BOT, "isTargeted": True})
    await teams_desk.send(seen)
    await teams_desk.settled()
    (call,) = teams_desk.microsoft.sent()
    assert call.query["isTargetedActivity"] == "true"
    assert call.body["recipient"] == {"id": "29:ann", "isTargeted": True}


async def test_replies_are_tried_again_when_teams_asks_to_wait(
    teams_desk: TeamsWithDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responder, "_MAX_BACKOFF", 0.0)
    teams_desk.desk.answer = Ask(FORM)
    teams_desk.microsoft.refuse = [Refusal(429, headers={"Retry-After": "0"}), Refusal(412), None]
    await teams_desk.send(mentioning(teams_desk.microsoft.service, "support"))
    await teams_desk.settled()
    assert len(teams_desk.microsoft.sent()) == 3


async def test_the_tenant_of_a_person_in_a_shared_channel_is_looked_up_once(
    teams_desk: TeamsWithDesk,
) -> None:
    teams_desk.microsoft.members = {CHANNEL: [person("Bob", BOB, tenantId=TENANT)]}
    for number in range(2):
        seen = mentioning(
            teams_desk.microsoft.service, "support", id=f"{number}", **{"from": person("Bob", BOB)}
        )
        seen["conversation"]["tenantId"] = seen["channelData"]["tenant"]["id"] = OTHER_TENANT
        await teams_desk.send(seen)
        actor = teams_desk.desk.heard[-1].actor
        assert (actor.user, actor.team) == (UserRef("teams", TENANT, BOB), TENANT)
    assert len([call for call in teams_desk.microsoft.calls if call.method == "GET"]) == 1
    stranger = mentioning(teams_desk.microsoft.service, "support", **{"from": person("Ann", ANN)})
    stranger["conversation"]["tenantId"] = stranger["channelData"]["tenant"]["id"] = OTHER_TENANT
    await teams_desk.send(stranger)
    assert teams_desk.desk.heard[-1].actor.user.home == OTHER_TENANT, "not known, so not ours"


async def test_a_person_without_an_entra_id_is_not_an_agent(teams_desk: TeamsWithDesk) -> None:
    seen = mentioning(teams_desk.microsoft.service, "support", **{"from": {"id": "29:x", "name": None}})
    await teams_desk.send(seen)
    assert teams_desk.desk.heard[-1].actor.user.id == "29:x"
