"""What keeps a desk running: the scheduler, delivery, housekeeping and monitoring."""
