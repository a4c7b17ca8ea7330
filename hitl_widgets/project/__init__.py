"""Projects: acts, queries, and the state that follows from the log."""
