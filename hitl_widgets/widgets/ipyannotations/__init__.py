"""Labellers of ipyannotations in the card's place."""
