"""What a period of tickets came to: attainment, breaches, states, volume, ratings, readings, uptime."""
