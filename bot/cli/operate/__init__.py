"""Commands that run the bot or prepare it."""
