"""Messages about tickets: who receives them, their texts, and the cards."""
