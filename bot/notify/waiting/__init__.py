"""Messages that wait for an agent, and tickets that wait for the customer's last word."""
