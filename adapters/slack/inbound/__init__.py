"""Slack's door: a Bolt app, what stands in front of it, and one listener for each kind of request."""
