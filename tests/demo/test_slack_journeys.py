"""Stories over real HTTP: people act in the fake workspace, a small bot answers."""

import asyncio

import pytest
from aiohttp import ClientSession, web
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook.async_client import AsyncWebhookClient

from demo.slack import SlackError, render
from tests.demo.conftest import Desk


async def test_from_the_command_to_the_thread(desk: Desk) -> None:
    slack, alice, bob = desk.slack, desk.alice, desk.bob
    reply = await slack.command(alice, desk.acme, "/support", "down")
    assert reply.status == 200
    assert reply.shown == ""

    modal = slack.modal_of(alice)
    assert modal is not None
    assert (modal.title, modal.submit_label) == ("Get help", "Open ticket")
    assert modal.labels() == ["Summary", "Is production affected?", "Details"]
    assert modal.input("summary").value == "down"
    assert modal.options("Is production affected?") == ["It is down", "Not at all"]

    held = await slack.submit(alice)
    assert not held.sent
    assert list(held.errors) == ["production_use"]

    refused = await slack.submit(alice, {"production_use": "down", "Details": "since noon"})
    assert refused.errors == {"summary": "Say a little more."}
    assert modal.error("Summary") == "Say a little more."
    assert modal.input("Details").value == "since noon"
    assert "! Say a little more." in render.modal(slack, modal)

    accepted = await slack.submit(alice, {"Summary": "printers & <all> down"})
    assert accepted.closed
    assert slack.modal_of(alice) is None

    [card] = slack.messages(desk.acme)
    assert slack.buttons(card) == ["Acknowledge"]
    await slack.press(bob, card, "Acknowledge")
    assert slack.buttons(card) == ["Resolve"]
    assert card.edits == 1
    assert not card.edited
    [answer] = await slack.until(lambda: slack.thread(card))
    assert slack.text_of(answer) == "We are on it."
    assert slack.complaints == []
    assert {ack.status for ack in slack.acks} == {200}
    with pytest.raises(LookupError, match="there are: Resolve"):
        await slack.press(bob, card, "Acknowledge")


async def test_what_each_person_reads(desk: Desk) -> None:
    slack = desk.slack
    await desk.slack.command(desk.alice, desk.acme, "/support", "printers down")
    await slack.submit(desk.alice, {"production_use": "It is down"})
    [card] = slack.messages(desk.acme)
    await slack.press(desk.bob, card, "Acknowledge")
    seen = render.thread(slack, card, desk.alice)
    lines = [line.strip() for line in seen.split("\n")]
    assert "│ State: acknowledged" in lines
    assert "│ Due: Mar 20, 2026 16:30" in lines
    assert "│ [ Resolve ]" in lines
    assert "      We are on it." in seen.split("\n")
    assert "*" not in seen
    assert "Due: 15:30 UTC" in slack.text_of(card)
    assert "Due: Mar 20, 2026 15:30" in slack.text_of(card, tz="UTC")
    assert render.channel(slack, desk.acme, desk.alice).startswith("#acme\n\nFrontline  ")


async def test_a_dispatching_choice_is_sent_and_a_closed_form_is_told(desk: Desk) -> None:
    slack = desk.slack
    await slack.command(desk.alice, desk.acme, "/support", "printers")
    assert await slack.choose(desk.alice, "Details", "typed") is None
    ack = await slack.choose(desk.alice, "Is production affected?", "Not at all")
    assert ack is not None
    sent = desk.bot.heard[-1]
    assert sent["container"]["type"] == "view"
    assert sent["actions"][0]["selected_option"]["value"] == "none"
    assert sent["view"]["state"]["values"]["details"]["details"]["value"] == "typed"
    await slack.close_modal(desk.alice)
    assert desk.bot.heard[-1]["type"] == "view_closed"
    assert desk.bot.heard[-1]["view"]["state"] == {"values": {}}, "Slack does not tell what stood in it"
    assert slack.modal_of(desk.alice) is None


async def test_an_update_keeps_what_was_typed_and_needs_the_hash(desk: Desk) -> None:
    slack = desk.slack
    await slack.command(desk.alice, desk.acme, "/support", "printers")
    modal = slack.modal_of(desk.alice)
    assert modal
    await slack.choose(desk.alice, "Details", "kept")
    view = modal.payload | {"title": {"type": "plain_text", "text": "Still here"}}
    old = modal.hash
    await desk.bot.client.views_update(view_id=modal.id, hash=old, view=view)
    assert (modal.title, modal.input("Details").value) == ("Still here", "kept")
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await desk.bot.client.views_update(view_id=modal.id, hash=old, view=view)


async def test_external_members_press_but_have_no_command(desk: Desk) -> None:
    slack, ann = desk.slack, desk.ann
    reply = await slack.command(ann, desk.acme, "/support", "help")
    assert reply.shown == "/support is not a valid command."
    assert desk.bot.heard == []
    assert slack.text_of(slack.ephemerals(ann)[0]) == reply.shown

    await slack.command(desk.alice, desk.acme, "/support", "printers down")
    await slack.submit(desk.alice, {"production_use": "down"})
    [card] = slack.messages(desk.acme)
    await slack.press(ann, card, "Acknowledge")
    pressed = desk.bot.heard[-1]
    while pressed.get("type") != "block_actions":
        pressed = desk.bot.heard[desk.bot.heard.index(pressed) - 1]
    assert (pressed["team"]["id"], pressed["user"]["team_id"]) == ("T0VENDOR", "T0ACME")

    await desk.bot.client.views_open(
        trigger_id=pressed["trigger_id"],
        view={
            "type": "modal",
            "title": {"type": "plain_text", "text": "Add details"},
            "submit": {"type": "plain_text", "text": "Add details"},
            "private_metadata": desk.acme.id,
            "blocks": [
                {
                    "type": "input",
                    "block_id": "summary",
                    "label": {"type": "plain_text", "text": "Words"},
                    "element": {"type": "plain_text_input", "action_id": "summary"},
                }
            ],
        },
    )
    await slack.submit(ann, {"Words": "more words"})
    [sent] = [body for body in desk.bot.heard if body.get("type") == "view_submission"][1:]
    assert (sent["team"]["id"], sent["view"]["app_installed_team_id"]) == ("T0ACME", "T0VENDOR")

    info = (await desk.bot.client.users_info(user=ann.id))["user"]
    assert "real_name" not in info
    assert info["profile"] == {
        "real_name": "Ann Acme",
        "display_name": "ann",
        "team": "T0ACME",
        "image_72": "https://avatars.example/U0ANN-72.png",
    }
    assert info["is_stranger"] is False
    await slack.say(ann, desk.acme, f"{slack.mention} hello")
    assert desk.bot.events("message")[-1]["team_id"] == "T0ACME"
    mention = desk.bot.events("app_mention")[-1]
    assert (mention["team_id"], mention["event"]["user_team"]) == ("T0VENDOR", "T0ACME")
    assert mention["is_ext_shared_channel"] is True


async def test_triggers_live_three_seconds_and_once(desk: Desk) -> None:
    desk.bot.answer = web.Response()
    client, view = (
        desk.bot.client,
        {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": []},
    )
    await desk.slack.command(desk.alice, desk.acme, "/support")
    trigger = desk.bot.heard[-1]["trigger_id"]
    desk.clock.now = 3.1
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await client.views_open(trigger_id=trigger, view=view)
    desk.clock.now = 2.9
    await client.views_open(trigger_id=trigger, view=view)
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await client.views_open(trigger_id=trigger, view=view)


async def test_events_come_again_until_taken(desk: Desk) -> None:
    slack = desk.slack
    desk.bot.refuse = [500]
    said = await slack.say(desk.alice, desk.acme, "5 < 6 & <@U0BOB>")
    assert slack.text_of(said) == "5 < 6 & @Bob"
    assert [ack.status for ack in slack.acks] == [500, 200]
    assert desk.bot.headers[-1]["x-slack-retry-num"] == "1"
    assert desk.bot.headers[-1]["x-slack-retry-reason"] == "http_error"
    first = desk.bot.heard[-1]
    assert first["event"]["text"] == "5 &lt; 6 &amp; <@U0BOB>"
    again = await slack.redeliver(slack.acks[-1])
    assert again.ok
    assert desk.bot.heard[-1]["event_id"] == first["event_id"]
    await slack.redeliver(again, retry=True)
    assert desk.bot.headers[-1]["x-slack-retry-num"] == "2"

    desk.bot.answer = web.Response(status=503, headers={"X-Slack-No-Retry": "1"})
    await slack.say(desk.alice, desk.acme, "once")
    assert slack.acks[-1].status == 503
    assert slack.acks[-1].request.retry == 0


async def test_a_late_answer_is_a_timeout(desk: Desk) -> None:
    slack, gate = desk.slack, asyncio.Event()
    runner = web.AppRunner(web.Application(), access_log=None, shutdown_timeout=0.1)

    async def never(request: web.Request) -> web.Response:
        await gate.wait()
        return web.Response()

    runner.app.router.add_post("/slack/events", never)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    slack.bot_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    reply = await slack.command(desk.alice, desk.acme, "/support")
    assert reply.timed_out
    assert reply.shown == '/support failed with the error "operation_timeout"'
    assert slack.acks[-1].seconds >= 0.5
    gate.set()
    await runner.cleanup()
    slack.bot_url = "http://127.0.0.1:9/slack/events"
    await slack.say(desk.alice, desk.acme, "anyone?")
    assert [ack.reason for ack in slack.acks[-2:]] == ["connection_failed"] * 2


async def test_the_bot_answers_a_command_at_once(desk: Desk) -> None:
    desk.bot.answer = {"response_type": "ephemeral", "text": "This channel has *no account*."}
    reply = await desk.slack.command(desk.alice, desk.acme, "/support")
    assert reply.shown == "This channel has no account."
    [told] = desk.slack.ephemerals(desk.alice)
    assert told.user == desk.slack.bot.id

    hook = desk.bot.heard[-1]["response_url"]
    client = AsyncWebhookClient(hook)
    for number in range(5):
        sent = await client.send(text=f"again {number}", response_type="ephemeral")
        assert (sent.status_code, sent.body) == (200, "ok")
    assert (await client.send(text="once too often")).status_code == 404
    assert len(desk.slack.ephemerals(desk.alice)) == 6


async def test_an_ephemeral_is_replaced_and_deleted_by_its_response_url(desk: Desk) -> None:
    slack, client = desk.slack, desk.bot.client
    button = {"type": "button", "action_id": "why", "text": {"type": "plain_text", "text": "Why?"}}
    blocks = [{"type": "actions", "elements": [button]}]
    await client.chat_postEphemeral(channel=desk.acme.id, user=desk.ann.id, text="psst", blocks=blocks)
    [note] = slack.ephemerals(desk.ann)
    with pytest.raises(SlackError):
        await slack.press(desk.bob, note, "Why?")
    await slack.press(desk.ann, note, "Why?")
    sent = desk.bot.heard[-1]
    assert "message" not in sent
    assert sent["container"]["is_ephemeral"] is True
    hook = AsyncWebhookClient(sent["response_url"])
    await hook.send(text="because", replace_original=True)
    assert slack.text_of(note) == "because"
    await hook.send(text="", delete_original=True)
    assert slack.ephemerals(desk.ann) == []


async def test_bad_answers_to_a_submission_are_noticed(desk: Desk) -> None:
    slack = desk.slack
    for answer, complaint in [
        ({"response_action": "errors", "errors": {"nowhere": "x"}}, "not inputs"),
        ({"response_action": "replace"}, "unknown response_action"),
        ({"response_action": "update", "view": {"type": "modal"}}, "missing required field: title"),
    ]:
        desk.bot.answer = None
        await slack.command(desk.alice, desk.acme, "/support", "printers")
        desk.bot.answer = answer
        reply = await slack.submit(desk.alice, {"production_use": "down"})
        assert reply.action == "trouble"
        assert complaint in slack.complaints[-1]
        modal = slack.modal_of(desk.alice)
        assert modal
        assert modal.input("production_use").value == "down"


async def test_a_stack_of_modals_is_pushed_and_cleared(desk: Desk) -> None:
    slack = desk.slack
    await slack.command(desk.alice, desk.acme, "/support", "printers")
    first = slack.modal_of(desk.alice)
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Sure?"}, "blocks": []}
    desk.bot.answer = {"response_action": "push", "view": view}
    assert (await slack.submit(desk.alice, {"production_use": "down"})).action == "push"
    top = slack.modal_of(desk.alice)
    assert top
    assert first
    assert (top.title, top.previous_id, top.root_id) == ("Sure?", first.id, first.id)
    desk.bot.answer = {"response_action": "clear"}
    assert (await slack.submit(desk.alice)).closed
    assert slack.modal_of(desk.alice) is None


async def test_the_bot_hears_itself_and_the_rest(desk: Desk) -> None:
    slack = desk.slack
    await desk.bot.client.chat_postMessage(channel=desk.acme.id, text="hello")
    await slack.until(lambda: desk.bot.events("message"))
    assert desk.bot.events("message")[-1]["event"]["bot_id"] == slack.workspace.bot_id
    await slack.react(desk.ann, slack.messages(desk.acme)[0], "ticket")
    assert desk.bot.events("reaction_added")[-1]["event"]["item"]["channel"] == desk.acme.id
    lonely = slack.channel("lonely", [desk.alice], bot=False)
    await slack.invite_bot(desk.alice, lonely)
    assert desk.bot.events("member_joined_channel")[-1]["event"]["channel"] == lonely.id
    await slack.open_home(desk.alice)
    said = await slack.say(desk.alice, slack.dm(desk.alice), "hi")
    assert desk.bot.events("message")[-1]["event"]["channel_type"] == "im"
    assert slack.dms(desk.alice) == [said]
    challenge = await slack.verify_url()
    assert challenge.json()["challenge"]
    await slack.shortcut(desk.bob, slack.messages(desk.acme)[0], "ticket_from_message")
    assert desk.bot.heard[-1]["message"]["text"] == "hello"


async def test_a_false_signature_is_the_bots_to_refuse(desk: Desk) -> None:
    desk.slack._bot_client.secret = "other"
    assert (await desk.slack.command(desk.alice, desk.acme, "/support")).status == 401
    async with ClientSession() as session, session.get(f"{desk.slack.api_url}auth.test") as response:
        assert await response.json() == {"ok": False, "error": "not_authed"}
