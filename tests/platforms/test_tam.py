"""What a TAM gets before real adapters: her messages, her absence, her forecast, her board."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import pytest

from bot.desk.tam import forecast
from bot.model.views import Audience
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.packs.test_monta import P4
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS, monetate_desk, partner_desk
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams, _actions
from tests.platforms.story import Story, open_story
from tests.platforms.test_way_up import opens_with
from tests.platforms.workplace import DisplayedMessage
from tests.teams.activities import activity

CHATS = ("slack", "teams")
FILES = {"slack": ON_SLACK, "teams": ON_TEAMS}
BUTTONS = ("Acknowledge", "I'll call", "Delegate", "Snooze")
Alerted = Callable[..., Awaitable[Story]]
AtWork = Callable[[str, str, str], Awaitable[Story]]


@pytest.fixture
def alerted(open_workplace: OpenWorkplace, tmp_path: Path) -> Alerted:
    """A desk with an escalated S2 of Alice's; Eve is Dana's backup."""

    async def on(name: str, more: str = "", escalate: bool = True) -> Story:
        clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
        workplace = await open_workplace(name, clock, store)
        file = FILES[name].replace('tam = "dana"\n', 'tam = "dana"\ntam_backup = "eve"\n')
        file = file.replace('id = "dana"\n', f'id = "dana"\n{more}')
        desk = await open_story(tmp_path, file, clock, store, [workplace])
        desk.desk.key_values = store
        await desk.opens("Alice", "Bills are slow")
        if escalate:
            await desk.customer("Escalate", "Month end is today")
        return desk

    return on


def messages_to(desk: Story, person: str) -> list[DisplayedMessage]:
    return [desk.agents.displayed(ref) for ref in desk.refs(f"/dm/{person}")]


async def says_to_the_bot(desk: Story, who: str, text: str) -> str:
    """A direct message to the bot; what it answers."""
    on = desk.agents
    if isinstance(on, OnSlack):
        person = on.people[who]
        await on.slack.say(person, on.slack.dm(person), text)
        await on.slack.settle()
        await on.ours.settle()
        answer = on.slack.text_of(on.slack.dms(person)[-1])
    else:
        assert isinstance(on, OnTeams)
        known = len(on.microsoft.sent_cards)
        await on.send(activity(on.microsoft.service, text=text, **on.at(who, f"a:1chat-with-{who.lower()}")))
        answer = str([sent.card for sent in list(on.microsoft.sent_cards.values())[known:]])
    await desk.deliver()
    return answer


@pytest.fixture
def at_work(open_workplace: OpenWorkplace, tmp_path: Path) -> AtWork:
    """A desk with this file at this instant, and no ticket yet."""

    async def on(name: str, file: str, at: str) -> Story:
        clock, store = HeldClock(at), MemoryStore()
        desk = await open_story(tmp_path, file, clock, store, [await open_workplace(name, clock, store)])
        desk.desk.key_values = store
        return desk

    return on


async def sends_forecast(desk: Story, stage: str, day: date) -> str:
    """Dana's forecast of that day as she reads it then."""
    dana = desk.desk.directory.settings.people["dana"]
    await forecast.send(desk.desk, dana, forecast.Turn(stage, day))
    await desk.deliver()
    (said,) = desk.words("tam/forecast/dana/")
    return said


@pytest.mark.parametrize("name", CHATS)
async def test_nobody_answers_for_an_hour_and_a_half(alerted: Alerted, name: str) -> None:
    """CUP-15, complaint 27: again, the backup, leadership; buttons stand on the newest of each only."""
    desk = await alerted(name)
    assert [each.labels for each in messages_to(desk, "dana")] == [BUTTONS]
    await desk.wait(minutes=91)
    first, again = messages_to(desk, "dana")
    assert (first.labels, again.labels) == ((), BUTTONS)
    assert "There is a newer message about this ticket below" in first.words
    assert "You have not answered this message for half an hour" in again.words
    for person, before in (("eve", "Dana has"), ("mia", "Dana and Eve have")):
        (message,) = messages_to(desk, person)
        assert message.labels == BUTTONS
        assert f"{before} not answered this message so it comes to you" in message.words
    await desk.wait(minutes=60)
    assert len(messages_to(desk, "eve")) == 1


@pytest.mark.parametrize("name", CHATS)
async def test_an_account_may_have_both(alerted: Alerted, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """M3-7: agents read who the Solution Architect is; the Technical Account Manager alone is told."""
    both = FILES[name].replace('tam = "dana"\n', 'tam = "dana"\nsolution_architect = "kim"\n')
    monkeypatch.setitem(FILES, name, both)
    desk = await alerted(name)
    assert "TAM Dana" in desk.card_view(Audience.AGENTS).words
    assert "Solution Architect Kim" in desk.card_view(Audience.AGENTS).words
    assert (len(messages_to(desk, "dana")), messages_to(desk, "kim")) == (1, [])


@pytest.mark.parametrize("name", CHATS)
async def test_an_answer_stays_readable(alerted: Alerted, name: str) -> None:
    """Complaint 24: and nobody else is asked after it."""
    desk = await alerted(name)
    await desk.tam("Acknowledge")
    (message,) = messages_to(desk, "dana")
    assert message.labels == ("I'll call", "Delegate", "Snooze")
    assert "You acknowledged this at Fri 20 Mar 2026 15 30 UTC" in message.words
    await desk.wait(hours=2)
    assert messages_to(desk, "eve") == []


@pytest.mark.parametrize("name", CHATS)
async def test_snooze_is_a_form(alerted: Alerted, name: str) -> None:
    """contract.md: 15 min, 1 h, tomorrow 9:00 in her zone; reason optional."""
    desk = await alerted(name, 'zone = "America/New_York"\n')
    read = await desk.agents.reads_form("Dana", "Snooze", desk.refs("/dm/dana")[-1])
    assert {"slack": "For how long", "teams": "The agents in triage will see this."}[name] in read
    await desk.agents.presses("Dana", "Snooze", desk.refs("/dm/dana")[-1], "On the train")
    await desk.deliver()
    assert desk.words("/triage/")[-1].endswith("15 45 UTC On the train")
    (message,) = messages_to(desk, "dana")
    assert "You snoozed this until Fri 20 Mar 2026 15 45 UTC On the train" in message.words
    await desk.wait(minutes=15)
    assert "Your snooze is over and this ticket is still open" in messages_to(desk, "dana")[-1].words


@pytest.mark.parametrize("name", CHATS)
async def test_nobody_delegates_to_themselves(alerted: Alerted, name: str) -> None:
    """M3-7: the form offers everybody else."""
    desk = await alerted(name)
    message = desk.refs("/dm/dana")[-1]
    if isinstance(desk.agents, OnTeams):
        offered = str(await desk.agents.opens_dialog("Dana", "Delegate", message))
    else:
        assert isinstance(desk.agents, OnSlack)
        slack, dana = desk.agents.slack, desk.agents.people["Dana"]
        await slack.press(dana, desk.agents.message(message), "Delegate")
        shown = slack.modal_of(dana)
        assert shown is not None
        offered = str(shown.blocks)
    names = {each for each in ("Bob", "Dana", "Eve", "Kim", "Mia") if f"'{each}'" in offered}
    assert names == {"Bob", "Eve", "Kim", "Mia"}


@pytest.mark.parametrize("name", CHATS)
async def test_the_end_says_so_on_her_message_and_below_it(alerted: Alerted, name: str) -> None:
    """contract.md, The TAM's DMs: a resolution is a message without buttons, if one was sent before."""
    desk = await alerted(name)
    await desk.agent("Resolve", "The queue runs again.")
    alert, outcome = messages_to(desk, "dana")
    assert (alert.labels, outcome.labels) == ((), ())
    assert "Bob resolved this ticket" in alert.words
    assert outcome.words.startswith("ACME 1 Bob resolved this ticket The queue runs again")


@pytest.mark.parametrize("name", CHATS)
async def test_quiet_hours_end_with_what_waited(alerted: Alerted, name: str) -> None:
    """contract.md, The desk's file: only the worst class reaches her within `quiet`."""
    desk = await alerted(name, 'quiet = "15:00-17:00"\n')
    await desk.wait(minutes=89)
    assert messages_to(desk, "dana") == []
    await desk.wait(minutes=1)
    (message,) = messages_to(desk, "dana")
    assert message.labels == BUTTONS
    assert "This waited for the end of your quiet hours" in message.words


@pytest.mark.parametrize("name", CHATS)
async def test_she_says_in_a_direct_message_that_she_is_away(alerted: Alerted, name: str) -> None:
    """M3-7, CUP-15: her backup stands in and reads for whom, and until when."""
    desk = await alerted(name, escalate=False)
    answer = await says_to_the_bot(desk, "Dana", "away until 2026-03-27")
    assert "You are away until" in answer
    assert "I'm back" in answer or name == "slack"
    assert any("Dana is away until" in words for words in desk.words("notice/"))
    await desk.customer("Escalate", "Month end is today")
    assert messages_to(desk, "dana") == []
    (message,) = messages_to(desk, "eve")
    assert "This is for Dana who is away until Fri 27 Mar 2026" in message.words
    assert "Welcome back" in await says_to_the_bot(desk, "Dana", "back")
    assert desk.desk.directory.away == {}


@pytest.mark.parametrize("name", CHATS)
async def test_her_forecast_arrives_as_one_message(alerted: Alerted, name: str) -> None:
    """M3-7: over her accounts. The line at the end of her day is an edit of it, which notifies nobody."""
    desk, today = await alerted(name), date(2026, 3, 20)
    for _ in range(2):
        said = await sends_forecast(desk, forecast.MORNING, today)
    assert said.startswith("Due before your next forecast Mon 23 Mar 2026 08 00 UTC")
    assert "ACME 1 Acme GmbH S2 Bills are slow first response due Fri 20 Mar 2026 19 30 UTC" in said
    assert said.endswith("On call Bob First line Eve Second line Kim Engineering Mia Leadership")
    await desk.agent("Reply", "We look into it.")
    desk.clock.at = desk.clock.at.replace(hour=17)
    evening = await sends_forecast(desk, forecast.EVENING, today)
    assert evening == f"{said} Since this morning kept ACME 1 new ACME 1"


@pytest.mark.parametrize("name", CHATS)
async def test_her_forecast_names_the_holidays_that_hide_a_deadline(at_work: AtWork, name: str) -> None:
    """MTA-9, MTA-23: a partner's question before Easter."""
    desk = await at_work(name, partner_desk(name), "2026-03-31T08:00:00Z")
    await opens_with(desk, P4)
    desk.clock.at = desk.clock.at.replace(month=4, day=1)
    said = await sends_forecast(desk, forecast.MORNING, date(2026, 4, 1))
    assert "Later than it looks because of a holiday ACME 1 Acme GmbH P4 Nothing charges" in said
    assert "Maundy Thursday Good Friday Easter Monday" in said


@pytest.mark.parametrize("name", CHATS)
async def test_a_week_before_the_peak_season_she_reads_how_ready_she_is(at_work: AtWork, name: str) -> None:
    """MON-31: the readiness digest is a part of that morning's forecast."""
    desk = await at_work(name, monetate_desk(name), "2026-11-02T08:00:00Z")
    said = await sends_forecast(desk, forecast.MORNING, date(2026, 11, 2))
    assert said.startswith("Peak season from Mon 9 Nov 2026 to Sun 6 Dec 2026")
    assert "there is a code freeze only urgent fixes are deployed" in said
    assert said.endswith("You have no backup for Acme Inc")


async def test_her_home_tab_is_drawn_again_with_a_filter(alerted: Alerted) -> None:
    """M3-7: one Technical Account Manager has several accounts."""
    desk = await alerted("slack")
    on = desk.agents
    assert isinstance(on, OnSlack)
    dana = on.people["Dana"]
    await on.slack.open_home(dana)
    await on.ours.settle()
    shown = on.slack.home_of(dana)
    assert shown is not None
    assert shown.buttons()[:4] == ["All", "Due today", "Breached", "Waiting for us"]
    await on.slack.press(dana, shown, "Breached")
    await on.ours.settle()
    again = on.slack.home_of(dana)
    assert again is not None
    assert "No tickets under “Breached”." in str(again.blocks)


async def test_in_teams_the_personal_chat_lists_the_same(alerted: Alerted) -> None:
    """M3-7: and a filter that is pressed there lists again."""
    desk = await alerted("teams")
    listed = await says_to_the_bot(desk, "Dana", "list")
    for expected in ("Your accounts", "Bills are slow", "Due today", "Breached", "Waiting for us"):
        assert expected in listed
    on = desk.agents
    assert isinstance(on, OnTeams)
    message, shown = list(on.microsoft.sent_cards.items())[-1]
    (breached,) = [each for each in _actions(shown.card["body"]) if each["title"] == "Breached"]
    answer = await on.execute("Dana", shown.conversation, message, breached["data"])
    again = [each.card for each in on.microsoft.sent_cards.values()]
    assert "No tickets under “Breached”." in str([answer, *again])
