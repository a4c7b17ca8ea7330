"""Reports: progress, decisions, and comparisons of models."""
