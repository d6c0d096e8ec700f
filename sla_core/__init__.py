"""The SLA engine: computes what is due, and why, from a policy, a ticket's history and an instant."""
