"""What is drawn on the Home tab."""

from __future__ import annotations

from adapters.slack.blocks import render_message
from adapters.slack.board import MOST_IN_HOME, MOST_TEXT_IN_HOME, board_blocks
from adapters.slack.paper import Json, with_block_ids
from adapters.slack.text import MrkdwnRenderer
from bot.address import Place
from bot.views import QueueBoard, View


def home_view(view: View, renderer: MrkdwnRenderer, where: Place) -> Json:
    """What stands on somebody's page, which remembers their direct conversation for its buttons."""
    match view:
        case QueueBoard():
            blocks = with_block_ids(board_blocks(view, renderer, MOST_IN_HOME, MOST_TEXT_IN_HOME))
        case _:
            blocks = render_message(view, renderer).blocks
    return {"type": "home", "private_metadata": where.id, "blocks": blocks}
