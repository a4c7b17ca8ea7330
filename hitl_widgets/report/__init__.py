"""What came of the labelling: progress, decisions, and comparisons of models."""
