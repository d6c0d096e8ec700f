"""Views and forms as mrkdwn and Block Kit."""
