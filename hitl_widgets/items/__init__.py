"""What is labelled, and what it looks like."""
