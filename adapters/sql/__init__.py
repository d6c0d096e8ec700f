"""The desk's memory: tickets and what is still to be said, in SQL tables."""
