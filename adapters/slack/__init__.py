"""Slack: receives requests, sends cards and forms."""

from adapters.slack.adapter import Slack
from adapters.slack.outbound.web_api import SlackFault

__all__ = ["Slack", "SlackFault"]
