"""Renders views and forms as mrkdwn and Block Kit."""
