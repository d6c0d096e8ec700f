"""The workspaces that installed the app: installation, tokens, routing."""
