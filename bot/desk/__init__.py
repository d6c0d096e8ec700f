"""What people can do at the desk, one file per feature."""
