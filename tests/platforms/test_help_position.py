"""`Get help` is pinned where the platform lets us, and kept in sight (contract.md, "Get help")."""

from __future__ import annotations

from bot.desk.channels import ensure_help_messages
from bot.model.address import MessageRef
from tests.platforms.on_slack import OnSlack
from tests.platforms.test_unticketed import Channel, channel

__all__ = ["channel"]


async def posted(channel: Channel) -> None:
    await ensure_help_messages(channel.desk.desk, channel.desk.store)
    await channel.desk.deliver()
    if isinstance(channel.desk.customers, OnSlack):
        await channel.desk.customers.ours.settle()


def help_messages(channel: Channel) -> list[MessageRef]:
    """Those that stand in the channel."""
    found = []
    for key, said in channel.desk.store.outbox.items():
        if key.startswith("get-help/") and said.message.edits is None and said.ref is not None:
            try:
                channel.desk.customers.displayed(said.ref)
            except LookupError:
                continue
            found.append(said.ref)
    return found


async def test_it_is_posted_again_below_and_the_old_one_deleted(channel: Channel) -> None:
    await posted(channel)
    [old] = help_messages(channel)
    for number in range(21):
        await channel.says("Bob", f"Message {number}")
    await channel.desk.wait_for_timers(minutes=10)
    if isinstance(channel.desk.customers, OnSlack):
        await channel.desk.customers.slack.settle()
        await channel.desk.customers.ours.settle()
    [new] = help_messages(channel)
    assert new != old
    assert channel.desk.customers.displayed(new).labels == ("Get help",)


async def test_slack_pins_it(channel: Channel) -> None:
    """Teams has no pins for apps."""
    await posted(channel)
    [ref] = help_messages(channel)
    if isinstance(channel.desk.customers, OnSlack):
        pins = channel.desk.customers.slack.calls_to("pins.add")
        assert [call.args["timestamp"] for call in pins] == [ref.id]
