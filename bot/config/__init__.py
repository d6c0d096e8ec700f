"""Configuration: the desk's file, the environment, and who is who."""
