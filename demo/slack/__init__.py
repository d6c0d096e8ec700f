"""A small, strict Slack on loopback, for the demo and the tests."""

from demo.slack.fake import FakeSlack
from demo.slack.faults import RateLimits
from demo.slack.forms import CommandReply, SubmitReply
from demo.slack.state import Call, Channel, Group, Message, Person, SlackError
from demo.slack.view import Input, View
from demo.slack.wire import Ack, Request

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
