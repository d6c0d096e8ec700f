"""A small, strict fake Slack on loopback, for the demo and the tests."""

from demo.slack.actions.bot_client import Ack, Request
from demo.slack.actions.forms import CommandReply, SubmitReply
from demo.slack.fake import FakeSlack
from demo.slack.state import Call, Channel, Group, Message, Person, SlackError
from demo.slack.view import Input, View
from demo.slack.web_api.planned_failures import RateLimits

__all__ = [
    "Ack",
    "Call",
    "Channel",
    "CommandReply",
    "FakeSlack",
    "Group",
    "Input",
    "Message",
    "Person",
    "RateLimits",
    "Request",
    "SlackError",
    "SubmitReply",
    "View",
]
