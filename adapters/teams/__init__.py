"""Teams: receives requests, sends cards and dialogs."""
