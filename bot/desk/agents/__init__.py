"""What agents do together: hand a ticket on, answer with saved words, see who else is writing."""
