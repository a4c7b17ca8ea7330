"""Labellers of ipyannotations, as an alternative to the card."""
