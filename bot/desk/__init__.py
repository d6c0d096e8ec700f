"""What the desk does, one file for each thing that a person wants."""
