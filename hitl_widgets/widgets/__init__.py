"""Widgets: the card, the taxonomy editor and the triage."""
