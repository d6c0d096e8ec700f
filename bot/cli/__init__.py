"""Commands that need no server: what a policy says, asks and leaves open."""
