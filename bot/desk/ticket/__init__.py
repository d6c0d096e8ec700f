"""Handlers for the buttons and forms of a ticket's cards."""
