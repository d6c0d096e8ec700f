"""Requests from Slack: the endpoint, the Bolt app behind it, and one listener for each kind of request."""
