"""What an operator sets: the desk's file, the environment, and who is who."""
