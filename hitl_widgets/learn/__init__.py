"""A model that predicts and is trained on annotations."""
