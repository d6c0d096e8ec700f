"""Working on a ticket: a function for each button and form of its cards."""
