"""What is drawn on the Home tab."""

from __future__ import annotations

from adapters.slack.blocks import page
from adapters.slack.board import MOST_IN_HOME, MOST_TEXT_IN_HOME, board_blocks
from adapters.slack.paper import Json, stamped
from adapters.slack.text import Pen
from bot.address import Place
from bot.views import QueueBoard, View


def home(view: View, pen: Pen, where: Place) -> Json:
    """What stands on somebody's page, which remembers their direct conversation for its buttons."""
    match view:
        case QueueBoard():
            blocks = stamped(board_blocks(view, pen, MOST_IN_HOME, MOST_TEXT_IN_HOME))
        case _:
            blocks = page(view, pen).blocks
    return {"type": "home", "private_metadata": where.id, "blocks": blocks}
