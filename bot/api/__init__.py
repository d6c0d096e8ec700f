"""The desk for other programs: what they read, what they do, and how both look as JSON."""
