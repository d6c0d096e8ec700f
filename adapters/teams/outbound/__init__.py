"""Calls to Teams, and how each kind of request is answered."""
