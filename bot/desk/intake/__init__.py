"""Opening a ticket: the ways in, the form, the same form as a conversation, drafts."""
