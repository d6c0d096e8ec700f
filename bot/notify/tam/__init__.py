"""Direct messages to TAMs and those who stand in."""
