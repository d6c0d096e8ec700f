"""Slack: requests in, cards and forms out."""

from adapters.slack.connect import Slack
from adapters.slack.web_api import SlackFault

__all__ = ["Slack", "SlackFault"]
