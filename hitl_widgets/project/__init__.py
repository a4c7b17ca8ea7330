"""Projects: what people do in them, tables of what stands, and the state that follows from the log."""
