"""Teams: requests in, cards and dialogs out."""
