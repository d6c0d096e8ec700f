"""Where the app is installed: how it got there, and with which tokens."""
