"""Global shortcuts, in the menu next to the text box."""

from demo.slack.actions.bot_client import Ack
from demo.slack.actions.people import UserActions
from demo.slack.elements import Json
from demo.slack.payloads import interaction
from demo.slack.state import Person, SlackError


class Shortcuts(UserActions):
    async def global_shortcut(self, user: Person, callback_id: str) -> Ack:
        """Uses a global shortcut; external members cannot, as with all shortcuts."""
        if self.workspace.is_external(user.id):
            raise SlackError("not_allowed")
        payload: Json = interaction(self.workspace, "shortcut", user.id, user.team_id)
        payload |= {"callback_id": callback_id, "action_ts": self.workspace.next_ts()}
        return await self._bot_client.interact(payload | {"trigger_id": self.workspace.new_trigger(user.id)})
