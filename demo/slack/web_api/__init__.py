"""What the bot calls: methods, limits, planned failures, sockets."""
