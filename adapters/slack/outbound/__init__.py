"""Calls to Slack, and how each kind of request is answered."""
