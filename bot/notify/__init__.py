"""What is said: who receives a message, its words, and the cards."""
