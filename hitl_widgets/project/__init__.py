"""Projects: what people do in them, tables of current answers, and the state that follows from the log."""
