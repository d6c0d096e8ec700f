"""The SLA engine: told the time, given the policy and the history, says what is due and why."""
