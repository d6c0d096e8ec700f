"""Calls to Teams, and answers to each kind of request."""
