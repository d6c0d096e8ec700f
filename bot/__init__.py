"""The desk: turns what people do in chat into ticket events, and ticket events into messages."""
