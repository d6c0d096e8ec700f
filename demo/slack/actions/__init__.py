"""What people do in the workspace, and the requests that the bot gets for it."""
