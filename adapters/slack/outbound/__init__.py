"""Calls to Slack, and answers to each kind of request."""
