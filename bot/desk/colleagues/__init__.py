"""What agents see of each other while they work."""
