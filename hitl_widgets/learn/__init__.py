"""What a model says, why it says so, and how it learns from people."""
