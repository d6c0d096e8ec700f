"""A small, strict fake Slack on loopback, for the demo and the tests."""

from demo.slack.bot_client import Ack, Request
from demo.slack.fake import FakeSlack
from demo.slack.forms import CommandReply, SubmitReply
from demo.slack.planned_failures import RateLimits
from demo.slack.state import Call, Channel, Group, Message, Person, SlackError
from demo.slack.view import Input, View

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
