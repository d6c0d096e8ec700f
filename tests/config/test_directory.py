"""Who is an agent, customer or TAM. An unknown person is a customer, never an agent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.config.directory import Directory
from bot.model.address import Actor, Place, UserRef
from bot.ports import TemporaryFailure
from tests.desk_file import TEAMS_ACME, TEAMS_TRIAGE, account, chat, desk_file, entra
from tests.harness import (
    ACME,
    BOB,
    DANA,
    DESK_FILE,
    EVE,
    SILVER,
    TEAM,
    TRIAGE,
    FakeChat,
    directory_of,
    person,
)

FRIDAY = datetime(2026, 3, 20, 10, tzinfo=UTC)


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return directory_of(tmp_path)


def test_listed_people_and_people_in_a_rota_are_agents(directory: Directory) -> None:
    """Bob is listed; Eve, Kim and Mia are in rotas."""
    assert all(map(directory.is_agent, (BOB, EVE, person("Kim"), person("Mia"))))


def test_everyone_else_is_a_customer_even_in_the_vendors_workspace(directory: Directory) -> None:
    assert not directory.is_agent(person("Gwen"))
    assert not directory.is_agent(person("Alice", "T0ACME"))


def test_the_same_id_in_another_company_is_another_person(directory: Directory) -> None:
    """Complaint 30: a click from the other company arrives with our team and their user."""
    for name in ("Bob", "Eve", "Dana"):
        stranger = person(name, "T0ELSEWHERE")
        assert not directory.is_agent(stranger, directory.settings.accounts["acme"])
        assert directory.person(stranger) is None
        assert directory.name_of(stranger) == name


def test_an_unknown_home_matches_nobody(directory: Directory) -> None:
    assert not directory.is_agent(Actor(UserRef("slack", "", "U0BOB"), TEAM, "Bob"))


def test_an_id_of_the_desks_file_belongs_to_the_tenant_written_before_it(tmp_path: Path) -> None:
    """Or to the vendor's own, if none is."""
    ours, partner, elsewhere = entra("ours"), entra("partnr"), entra("other")
    agents = [entra("bob"), f"{partner.upper()}/{entra('pat')}"]
    file = desk_file(
        chats=[chat("teams", TEAMS_TRIAGE, agents)],
        platforms=["teams"],
        accounts=[account(channel=f"teams:{TEAMS_ACME}")],
    ).replace(f'teams = "{entra("dana")}"', f'teams = "{partner}/{entra("dana")}"')
    directory = directory_of(tmp_path, file)

    def of(name: str, tenant: str) -> Actor:
        return Actor(UserRef("teams", tenant, entra(name)), ours, name)

    who = {
        (name, tenant)
        for name in ("bob", "pat")
        for tenant in (ours, partner, elsewhere)
        if directory.is_agent(of(name, tenant))
    }
    assert who == {("bob", ours), ("pat", partner)}
    assert directory.person(of("dana", ours)) is None
    dana = directory.person(of("dana", partner))
    assert dana is not None
    assert directory.direct_address(dana, "teams") == UserRef("teams", partner, entra("dana"))


def test_the_same_id_on_another_platform_is_another_person(directory: Directory) -> None:
    assert not directory.is_agent(Actor(UserRef("teams", TEAM, "U0BOB"), TEAM, "Bob"))


def test_a_tam_is_an_agent_for_their_own_accounts(directory: Directory) -> None:
    accounts = directory.settings.accounts
    assert directory.is_agent(DANA, accounts["acme"])
    assert not directory.is_agent(DANA, accounts["silverline"])
    assert not directory.is_agent(DANA)


async def test_a_user_groups_members_are_agents_once_read(directory: Directory) -> None:
    gwen, chat = person("Gwen"), FakeChat()
    chat.groups["S0SUPPORT"] = frozenset({gwen.user})
    assert not directory.is_agent(gwen)
    assert await directory.refresh({"slack": chat}) == []
    assert directory.is_agent(gwen)

    chat.groups["S0SUPPORT"] = frozenset()
    await directory.refresh({"slack": chat})
    assert not directory.is_agent(gwen)


async def test_members_of_a_group_that_is_no_longer_named_are_agents_no_more(directory: Directory) -> None:
    gwen, chat = person("Gwen"), FakeChat()
    chat.groups["S0SUPPORT"] = frozenset({gwen.user})
    await directory.refresh({"slack": chat})
    assert directory.is_agent(gwen)
    settings = directory.settings
    chats = {name: replace(each, agents=("U0BOB",)) for name, each in settings.chats.items()}
    directory.replace_settings(replace(settings, chats=chats))
    assert not directory.is_agent(gwen)


async def test_a_group_that_cannot_be_read_keeps_its_members(directory: Directory) -> None:
    """A busy Slack does not turn agents into customers."""

    class Busy(FakeChat):
        async def members(self, group: str) -> frozenset[UserRef]:
            raise TemporaryFailure("ratelimited")

    gwen, chat = person("Gwen"), FakeChat()
    chat.groups["S0SUPPORT"] = frozenset({gwen.user})
    await directory.refresh({"slack": chat})
    (line,) = await directory.refresh({"slack": Busy()})
    assert line == "slack user group S0SUPPORT cannot be read: ratelimited"
    assert directory.is_agent(gwen)


def test_channels_have_owners_and_triage_is_known(directory: Directory) -> None:
    found = [directory.account_of(place) for place in (ACME, SILVER, TRIAGE, Place("slack", "C0LUNCH"))]
    assert [account.id if account else None for account in found] == ["acme", "silverline", None, None]
    assert directory.account_of(Place("teams", "C0ACME")) is None
    assert directory.is_triage(TRIAGE)
    assert not directory.is_triage(ACME)
    assert not directory.is_triage(Place("teams", "C0TRIAGE"))
    assert directory.triage_for(ACME) == TRIAGE


def test_names_are_the_desks_own(directory: Directory) -> None:
    assert directory.name_of(Actor(UserRef("slack", TEAM, "U0BOB"), TEAM, "bobby_1998")) == "Bob"
    assert directory.name_of(person("Gwen")) == "Gwen"


def test_escalations_go_to_the_tam_if_the_plan_has_one(directory: Directory, tmp_path: Path) -> None:
    """M3-7: under Silver, leadership is notified instead of a named TAM."""

    def told(directory: Directory, account: str) -> list[str]:
        found = directory.told_first(directory.settings.accounts[account], FRIDAY, escalated=True)
        return [contact.person for contact in found]

    assert told(directory, "acme") == ["dana"]
    assert told(directory, "silverline") == ["mia"]
    named = directory_of(tmp_path, DESK_FILE.replace('plan = "silver"', 'plan = "silver"\ntam = "dana"'))
    assert named.tam(named.settings.accounts["silverline"]) is None
    assert told(named, "silverline") == ["mia"]


def test_leadership_is_notified_if_the_tam_has_no_chat(tmp_path: Path) -> None:
    elsewhere = DESK_FILE.replace('slack = "U0DANA"', 'teams = "00000000-0000-0000-0000-000000000002"')
    directory = directory_of(tmp_path, elsewhere)
    told = directory.told_first(directory.settings.accounts["acme"], FRIDAY, escalated=True)
    assert [contact.person for contact in told] == ["mia"]


def test_channel_moves_are_learned_in_any_order_and_repeatedly(directory: Directory) -> None:
    first, second, third = ACME, Place("slack", "C0SECOND"), Place("slack", "C0THIRD")
    for moves in ([(first, second), (second, third)], [(second, third), (first, second)]):
        learnt = Directory(directory.settings)
        for old, new in (*moves, *moves):
            learnt.moved(old, new)
        assert {learnt.current_address(place) for place in (first, second, third)} == {third}
        assert set(learnt.former_addresses(third)) == {first, second}
        assert learnt.account_of(third) == learnt.account_of(first)


def test_a_channel_can_move_back_or_to_itself(directory: Directory) -> None:
    there = Place("slack", "C0SECOND")
    for old, new in ((ACME, there), (there, ACME), (ACME, ACME)):
        directory.moved(old, new)
    assert directory.current_address(there) == directory.current_address(ACME) == ACME
    assert directory.former_addresses(ACME) == [there]
