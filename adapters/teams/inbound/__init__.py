"""What Teams sends: admitted by our gate, sorted by botbuilder, answered after the desk has decided."""
