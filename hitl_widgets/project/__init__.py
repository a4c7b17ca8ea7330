"""What a person can do in a project, and the state that follows from the log."""
