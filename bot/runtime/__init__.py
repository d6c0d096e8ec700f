"""The loops of a running desk: the scheduler, delivery, housekeeping and monitoring."""
