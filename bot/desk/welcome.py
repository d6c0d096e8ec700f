"""The standing message of a customer channel: `Get help`, posted once and remembered."""

from __future__ import annotations

from bot import cards
from bot.desk.core import Desk
from bot.ports import Never, Notebook, NotNow

TOPIC = "get-help"


async def keep_help_posted(desk: Desk, notebook: Notebook) -> list[str]:
    """Post it in each customer channel that has none yet. Gives one line for each that refused.

    A crash between posting and remembering posts it twice, which nobody minds.
    """
    refused = []
    policy = desk.directory.policy_on(desk.clock.now().date())
    posted = await notebook.notes(TOPIC)
    for account in desk.directory.settings.accounts.values():
        for channel in account.channels:
            platform = desk.platforms.get(channel.platform)
            if platform is None or str(channel) in posted:
                continue
            try:
                message = await platform.post(channel, cards.get_help(policy), None)
            except (NotNow, Never) as problem:
                refused.append(f"Get help cannot be posted in {channel} of {account.id}: {problem}")
            else:
                await notebook.note(TOPIC, str(channel), message.id)
    return refused
