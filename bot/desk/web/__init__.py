"""The desk in a browser: who may sign in, and what the page shows."""
