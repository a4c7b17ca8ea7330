"""Attributions of predictions, and checks of their faithfulness."""
