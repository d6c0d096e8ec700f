"""The TAM's direct messages: chased until somebody answers, quiet at night, handed over while she is away.

contract.md, The TAM's DMs; CUP-15, M3-7; complaints 23, 24, 26, 27.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.sql.store import connect
from bot.desk.desk import Desk
from bot.desk.tam import away
from bot.model.address import Actor
from bot.model.inbound import Answer, ChannelChange, ChannelChanged
from bot.model.views import Audience, Notice
from bot.ports import ChatPlatform
from bot.runtime.scheduler import wake_due_tickets
from sla_core.catalog.load import Faults
from tests.desk_file import account, desk_file
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DANA,
    EVE,
    S1,
    S2,
    TRIAGE,
    DeskInMemory,
    FakeChat,
    HeldClock,
    PostedMessage,
    answer_text,
    directory_of,
    done,
    form_of,
    open_desk,
    person,
)

FRIDAY = "2026-03-20T15:30:00Z"
MIA, KIM = person("Mia"), person("Kim")
BACKUP = 'tam_backup = "eve"\n'
FILE = desk_file(accounts=[account().replace('tam = "dana"\n', f'tam = "dana"\n{BACKUP}')])
QUIET = FILE.replace('id = "dana"', 'id = "dana"\nzone = "Europe/Berlin"\nquiet = "17:00-09:00"')
"""From 16:00 to 8:00 UTC in winter."""


async def escalated(folder: Path, file: str = FILE, at: str = FRIDAY) -> tuple[DeskInMemory, str]:
    desk = await open_desk(folder, at, file)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(ALICE, "Escalate", key, text="Month end is today")
    return desk, key


def labels(message: PostedMessage) -> list[str]:
    assert isinstance(message.view, Notice)
    return [button.label for button in message.view.buttons]


def told(desk: DeskInMemory, *people: Actor) -> dict[str, int]:
    return {each.name: count for each in people if (count := len(desk.direct(each)))}


async def press(desk: DeskInMemory, who: Actor, label: str) -> Answer:
    message = desk.direct(who)[-1]
    assert isinstance(message.view, Notice)
    return await desk.presses_on(who, message, next(b for b in message.view.buttons if b.label == label))


# Unanswered ------------------------------------------------------------------------------------


async def test_an_unanswered_alert_goes_on_to_the_backup_and_to_leadership(tmp_path: Path) -> None:
    """Complaint 27: half an hour after the one before, each with its own link, and then it ends."""
    desk, key = await escalated(tmp_path)
    assert told(desk, DANA, EVE, MIA) == {"Dana": 1}
    await desk.fast_forward(minutes=29)
    assert told(desk, DANA, EVE, MIA) == {"Dana": 1}
    await desk.fast_forward(minutes=1)
    assert told(desk, DANA, EVE, MIA) == {"Dana": 2}
    assert "You have not answered this message for half an hour." in desk.direct(DANA)[-1].text
    await desk.fast_forward(minutes=30)
    assert told(desk, DANA, EVE, MIA) == {"Dana": 2, "Eve": 1}
    assert "Dana has not answered this message, so it comes to you." in desk.direct(EVE)[-1].text
    await desk.fast_forward(minutes=30)
    assert told(desk, DANA, EVE, MIA) == {"Dana": 2, "Eve": 1, "Mia": 1}
    assert "Dana and Eve have not answered this message, so it comes to you." in desk.direct(MIA)[-1].text
    assert all(labels(desk.direct(each)[-1])[0] == "Acknowledge" for each in (DANA, EVE, MIA))
    assert all("Its card is in triage." in desk.direct(each)[-1].text for each in (DANA, EVE, MIA))
    assert desk.thread(key) == [
        "ACME-1 Alice escalated this ticket: “Month end is today” "
        "The on-call agent and your account manager Dana have been alerted. Next: we decide "
        "who else is needed, and answer you "
        "here by Fri 20 Mar 19:30."
    ]
    sent = sum("escalated" in said.text for each in (DANA, EVE, MIA) for said in desk.direct(each))
    await desk.fast_forward(hours=1)
    assert sum("escalated" in s.text for each in (DANA, EVE, MIA) for s in desk.direct(each)) == sent


@pytest.mark.parametrize("after", [10, 40, 70])
@pytest.mark.parametrize("label", ["Acknowledge", "I'll call"])
async def test_an_answer_of_whoever_got_it_ends_it(tmp_path: Path, after: int, label: str) -> None:
    desk, key = await escalated(tmp_path)
    await desk.fast_forward(minutes=after)
    who = EVE if after == 70 else DANA
    await press(desk, who, label)
    before = told(desk, DANA, EVE, MIA)
    await desk.fast_forward(minutes=100)
    assert told(desk, DANA, EVE, MIA) == before
    noted = "will call the customer" if label == "I'll call" else "acknowledged the alert"
    assert desk.thread(key, Audience.AGENTS)[-1] == f"{key} {who.name} {noted}."


async def test_the_others_read_who_answered(tmp_path: Path) -> None:
    """contract.md: buttons stand on the newest only; the others say what became of them."""
    desk, _ = await escalated(tmp_path)
    await desk.fast_forward(minutes=65)
    first, again = desk.direct(DANA)
    assert labels(first) == []
    assert "There is a newer message about this ticket below." in first.text
    assert labels(again) == labels(desk.direct(EVE)[-1])
    await press(desk, EVE, "Acknowledge")
    assert "Eve acknowledged this at Fri 20 Mar 16:35." in desk.direct(DANA)[-1].text
    assert labels(desk.direct(DANA)[-1]) == []
    assert "You acknowledged this at Fri 20 Mar 16:35." in desk.direct(EVE)[-1].text
    assert labels(desk.direct(EVE)[-1]) == ["I'll call", "Delegate", "Snooze"]


async def test_her_own_work_on_the_ticket_is_an_answer(tmp_path: Path) -> None:
    """Nobody is chased for what they are doing already."""
    desk, key = await escalated(tmp_path)
    await desk.submits_form(DANA, "Reply", key, TRIAGE, text="We will have it before six.")
    await desk.fast_forward(hours=2)
    assert told(desk, DANA, EVE, MIA) == {"Dana": 1}


async def test_a_warning_is_moot_once_the_customer_is_answered(tmp_path: Path) -> None:
    """No message without need: the promise that was at risk is kept."""
    desk = await open_desk(tmp_path, FRIDAY, FILE)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(hours=3)
    assert told(desk, DANA) == {"Dana": 1}
    await desk.submits_form(BOB, "Reply", key, text="We look into it.")
    await desk.fast_forward(hours=5)
    assert told(desk, DANA, EVE, MIA) == {"Dana": 1}


async def test_the_end_of_the_ticket_ends_it(tmp_path: Path) -> None:
    """Those who got a message hear of the resolution, without buttons; nobody is asked any more."""
    desk, key = await escalated(tmp_path)
    await desk.fast_forward(minutes=61)
    await desk.submits_form(BOB, "Resolve", key, text="The queue runs again.")
    for each in (DANA, EVE):
        assert [labels(message) for message in desk.direct(each)][-2:] == [[], []]
        assert "Bob resolved this ticket." in desk.direct(each)[-2].text
        assert "Bob resolved this ticket: “The queue runs again.”" in desk.direct(each)[-1].text
    await desk.fast_forward(hours=2)
    assert told(desk, DANA, EVE, MIA) == {"Dana": 3, "Eve": 2}


async def test_a_breach_after_a_warning_begins_at_the_tam_again(tmp_path: Path) -> None:
    """MON-25: what gets worse is news; what merely repeats goes on where it was."""
    desk = await open_desk(tmp_path, FRIDAY, FILE)
    await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(hours=3, minutes=59)
    assert told(desk, DANA, EVE) == {"Dana": 2}
    await desk.fast_forward(minutes=1)
    assert told(desk, DANA, EVE) == {"Dana": 3, "Eve": 1}
    await desk.fast_forward(minutes=90)
    assert told(desk, DANA, EVE, MIA) == {"Dana": 4, "Eve": 2, "Mia": 1}


async def test_the_colleague_is_chased_and_not_the_one_who_delegated(tmp_path: Path) -> None:
    desk, _ = await escalated(tmp_path)
    await desk.sends(DANA, form_of(await press(desk, DANA, "Delegate")), person="kim")
    assert labels(desk.direct(KIM)[-1]) == ["Acknowledge", "I'll call", "Delegate", "Snooze"]
    await desk.fast_forward(minutes=30)
    assert told(desk, DANA, KIM, EVE) == {"Dana": 1, "Kim": 2}
    await press(desk, KIM, "Acknowledge")
    await desk.fast_forward(hours=2)
    assert told(desk, DANA, KIM, EVE) == {"Dana": 1, "Kim": 2}


async def test_an_escalation_of_her_own_is_no_message_to_her(tmp_path: Path) -> None:
    """Complaint 28: nobody is told of their own act."""
    desk = await open_desk(tmp_path, FRIDAY, FILE)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(DANA, "Escalate", key, TRIAGE, text="Month end is today")
    await desk.fast_forward(hours=1)
    assert not any("/dm/" in str(said.key) for said in desk.direct(DANA))


# Restarts and replicas ---------------------------------------------------------------------------


async def test_a_restart_changes_nothing_and_two_workers_tell_once(tmp_path: Path) -> None:
    """Complaint 26: each process has nothing but the database and the time."""
    clock, chat = HeldClock(FRIDAY), FakeChat()
    url = f"sqlite:///{tmp_path}/desk.db"
    platforms: dict[str, ChatPlatform] = {"slack": chat}
    async with connect(url) as store:
        desk = Desk(store, clock, directory_of(tmp_path, FILE), platforms)
        running = DeskInMemory(desk, store, clock, chat)
        key = await running.submits(ALICE, "Bills are slow", S2)
        await running.submits_form(ALICE, "Escalate", key, text="Month end is today")
    for _ in range(4):
        async with connect(url) as store:
            one, other = (Desk(store, clock, directory_of(tmp_path, FILE), platforms) for _ in range(2))
            running = DeskInMemory(one, store, clock, chat)
            clock.at = await store.next_wake() or clock.at
            for each in (one, other, one):
                await wake_due_tickets(each)
                await running.deliver()
    sent = [said.key for said in chat.posted if said.key and "/dm/" in said.key]
    assert len(sent) == len(set(sent))
    assert told(running, DANA, EVE, MIA) == {"Dana": 2, "Eve": 1, "Mia": 1}


# Quiet hours -------------------------------------------------------------------------------------


async def test_quiet_hours_hold_back_all_but_the_worst_class(tmp_path: Path) -> None:
    """What waits comes when they end, one message of each kind; nothing is lost."""
    desk = await open_desk(tmp_path, "2026-03-19T17:30:00Z", QUIET)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(ALICE, "Escalate", key, text="Month end is today")
    assert told(desk, DANA, EVE, MIA) == {}
    assert "Dana" not in desk.thread(key)[-1], "nobody is said to be alerted who is not"
    await desk.forward_to("2026-03-20T07:59:59Z")
    assert told(desk, DANA, EVE, MIA) == {}
    await desk.forward_to("2026-03-20T08:00:00Z")
    escalation, warning = desk.direct(DANA)
    assert "Alice escalated this ticket" in escalation.text
    assert "Warning: first response is due" in warning.text
    assert all("This waited for the end of your quiet hours." in each.text for each in desk.direct(DANA))
    assert [labels(each)[:1] for each in desk.direct(DANA)] == [[], ["Acknowledge"]]
    await desk.fast_forward(minutes=30)
    assert told(desk, DANA) == {"Dana": 3}


async def test_what_was_answered_at_night_is_not_sent_in_the_morning(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, "2026-03-19T17:30:00Z", QUIET)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(ALICE, "Escalate", key, text="Month end is today")
    await desk.submits_form(BOB, "Resolve", key, text="Restarted")
    await desk.forward_to("2026-03-20T12:00:00Z")
    assert told(desk, DANA) == {}


async def test_a_resolution_at_night_waits_for_the_morning(tmp_path: Path) -> None:
    desk, key = await escalated(tmp_path, QUIET, "2026-03-19T15:30:00Z")
    await press(desk, DANA, "Acknowledge")
    await desk.forward_to("2026-03-19T20:00:00Z")
    before = len(desk.direct(DANA))
    await desk.submits_form(BOB, "Resolve", key, text="Restarted")
    assert len(desk.direct(DANA)) == before
    await desk.forward_to("2026-03-20T08:00:00Z")
    assert len(desk.direct(DANA)) == before + 1
    assert "Bob resolved this ticket: “Restarted”" in desk.direct(DANA)[-1].text


async def test_the_worst_class_reaches_her_at_night(tmp_path: Path) -> None:
    """contract.md: `quiet`: only the worst class reaches her then. An emergency that pages is one."""
    desk = await open_desk(tmp_path, "2026-03-19T17:30:00Z", QUIET)
    key = await desk.submits(ALICE, "All is down", S1)
    await desk.submits_form(ALICE, "Escalate", key, text="Nobody can pay")
    assert ["Nobody can pay" in said.text for said in desk.direct(DANA)] == [True]


async def test_the_ladder_waits_for_the_backups_quiet_hours(tmp_path: Path) -> None:
    quiet_eve = FILE.replace('id = "eve"', 'id = "eve"\nquiet = "16:00-18:00"')
    desk, _ = await escalated(tmp_path, quiet_eve)
    await desk.forward_to("2026-03-20T17:59:59Z")
    assert told(desk, DANA, EVE, MIA) == {"Dana": 2}
    await desk.forward_to("2026-03-20T18:00:00Z")
    assert told(desk, DANA, EVE, MIA) == {"Dana": 2, "Eve": 1}


# Away --------------------------------------------------------------------------------------------


async def test_while_she_is_away_her_messages_go_to_the_backup(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, FRIDAY, FILE)
    answer = answer_text(await desk.command(DANA, TRIAGE, "away until 2026-03-27"))
    assert answer.startswith("You are away until Fri 27 Mar 2026. ")
    assert "Your direct messages about Acme GmbH go to Eve." in answer
    assert desk.heard(TRIAGE)[-1].startswith("Dana is away until Fri 27 Mar 2026.")
    assert "you get the direct messages about Acme GmbH" in desk.direct(EVE)[-1].text

    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(ALICE, "Escalate", key, text="Month end is today")
    assert told(desk, DANA, EVE) == {"Eve": 2}
    assert "This is for Dana, who is away until Fri 27 Mar 2026." in desk.direct(EVE)[-1].text
    assert labels(desk.direct(EVE)[-1])[0] == "Acknowledge"
    assert "The on-call agent and your deputy account manager Eve have been alerted." in desk.thread(key)[-1]
    await desk.fast_forward(minutes=60)
    assert told(desk, DANA, EVE, MIA) == {"Eve": 3, "Mia": 1}, "Eve again, and then leadership"


async def test_she_is_back_by_the_command_and_at_the_date(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, FRIDAY, FILE)
    await desk.command(DANA, TRIAGE, "away until 2026-03-27")
    said = answer_text(await desk.command(DANA, TRIAGE, "back"))
    assert said == "Welcome back. You receive your direct messages again."
    assert "You no longer get the direct messages about Acme GmbH." in desk.direct(EVE)[-1].text
    await desk.command(DANA, TRIAGE, "away until 2026-03-21")
    await desk.forward_to("2026-03-21T00:00:00Z")
    assert answer_text(await desk.command(DANA, TRIAGE, "back")).startswith("You are not away.")
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(ALICE, "Escalate", key, text="Month end is today")
    assert told(desk, DANA) == {"Dana": 1}


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("tomorrow", "“tomorrow” is not a date"),
        ("2026-02-30", "“2026-02-30” is not a date"),
        ("2026-03-20", "2026-03-20 is not after today"),
        ("2028-01-01", "more than a year from now"),
    ],
)
async def test_a_bad_date_is_named_and_nothing_changes(tmp_path: Path, day: str, says: str) -> None:
    desk = await open_desk(tmp_path, FRIDAY, FILE)
    assert says in answer_text(await desk.command(DANA, TRIAGE, f"away until {day}"))
    form = form_of(await desk.command(DANA, TRIAGE, "away"))
    again = form_of(await desk.sends(DANA, form, until=day))
    assert says in again.errors["until"]
    assert again.fields[0].value == day
    assert desk.desk.directory.away == {}


async def test_the_form_asks_for_a_date(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, FRIDAY, FILE)
    form = form_of(await desk.command(DANA, TRIAGE, "away"))
    assert "away until Fri 27 Mar" in answer_text(await desk.sends(DANA, form, until="2026-03-27"))
    assert [*desk.desk.directory.away] == ["dana"]


async def test_away_is_known_to_other_processes(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, FRIDAY, FILE)
    await desk.command(DANA, TRIAGE, "away until 2026-03-27")
    other = Desk(
        desk.desk.store, desk.clock, directory_of(tmp_path, FILE), {}, key_values=desk.desk.key_values
    )
    await away.load(other)
    assert other.directory.away == desk.desk.directory.away


async def test_for_a_customer_the_same_words_open_the_form(tmp_path: Path) -> None:
    """Only TAMs can be away; anybody may report a problem in these words."""
    desk = await open_desk(tmp_path, FRIDAY, FILE)
    assert form_of(await desk.command(ALICE, ACME, "back")).id == "intake"


async def test_without_a_backup_leadership_stands_in(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, FRIDAY, FILE.replace(BACKUP, ""))
    said = answer_text(await desk.command(DANA, TRIAGE, "away until 2026-03-27"))
    assert "about Acme GmbH go to leadership, as nobody else stands in." in said
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(ALICE, "Escalate", key, text="Month end is today")
    assert told(desk, DANA, MIA) == {"Mia": 1}


# Who looks after an account ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('tam_backup = "nobody"', "accounts.acme.tam_backup"),
        ('tam_backup = "dana"', '"dana" is the TAM already'),
        ('solution_architect = "nobody"', "accounts.acme.solution_architect"),
    ],
)
def test_a_wrong_name_is_a_fault(tmp_path: Path, lines: str, says: str) -> None:
    with pytest.raises(Faults, match=says):
        directory_of(tmp_path, FILE.replace(BACKUP, f"{lines}\n"))


async def test_the_solution_architect_is_shown_and_not_told(tmp_path: Path) -> None:
    """M3-7: shared access to a named Technical Account Manager and Solution Architects, under Gold only."""
    named = FILE.replace(BACKUP, f'{BACKUP}solution_architect = "kim"\n')
    desk, key = await escalated(tmp_path, named)
    assert "Solution Architect Kim" in desk.card_view(key, Audience.AGENTS).about
    said = answer_text(await desk.command(ALICE, ACME, "help"))
    assert "Your account manager: Dana. Your solution architect: Kim." in said
    assert told(desk, DANA, KIM) == {"Dana": 1}
    silver = named.replace('plan = "gold"', 'plan = "silver"')
    directory = directory_of(tmp_path, silver)
    assert directory.solution_architect(directory.settings.accounts["acme"]) is None
    assert any("solution_architect" in each for each in directory.settings.warnings)


async def test_advice_during_onboarding_is_a_request_like_any_other(tmp_path: Path) -> None:
    """M3-29: it is asked for by its own kind, has a promise, and its agents read whom to involve."""
    named = FILE.replace(BACKUP, f'{BACKUP}solution_architect = "kim"\n')
    desk = await open_desk(tmp_path, FRIDAY, named)
    onboarding = {"request": "onboarding", "production": "unaffected", "privacy": "no"}
    key = await desk.submits(ALICE, "How do we model our first meter?", onboarding)
    card = desk.card_view(key, Audience.AGENTS)
    assert "Onboarding, users, settings or login" in [text for _, text in card.answers]
    assert (card.severity, len(card.promises)) == ("S3 (proposed)", 1)
    assert {"TAM Dana", "Solution Architect Kim"} <= {*card.about}
    await desk.submits_form(BOB, "Reply", key, text="Kim shows you on Monday.")
    assert [line.standing[:3] for line in desk.card_view(key).promises] == ["met"]


# Cut-off channels --------------------------------------------------------------------------------


async def test_a_cut_off_channel_is_told_after_quiet_hours_and_to_whoever_stands_in(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, "2026-03-19T17:30:00Z", QUIET)
    await desk.answers(ChannelChanged("cut", desk.clock.now(), ACME, ChannelChange.ARCHIVED))
    assert told(desk, DANA) == {}
    await desk.forward_to("2026-03-20T08:00:00Z")
    (note,) = desk.direct(DANA)
    assert "Acme GmbH" in note.text
    await desk.command(DANA, TRIAGE, "away until 2026-03-27")
    await desk.answers(ChannelChanged("again", desk.clock.now(), ACME, ChannelChange.UNARCHIVED))
    assert "Acme GmbH" in desk.direct(EVE)[-1].text
    assert len(desk.direct(DANA)) == 1
    assert done(await desk.answers(ChannelChanged("again", desk.clock.now(), ACME, ChannelChange.UNARCHIVED)))
