"""Commands that need no server: what a policy says, asks, leaves open and would have made of tickets."""
