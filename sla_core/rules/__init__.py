"""What rules of a policy have in common, and rules that have no clock."""
