"""Stores tickets, messages, timers and small values in SQL tables, on SQLite or PostgreSQL."""
