"""Slack: requests in, cards and forms out."""

from adapters.slack.adapter import Slack
from adapters.slack.outbound.web_api import SlackFault

__all__ = ["Slack", "SlackFault"]
