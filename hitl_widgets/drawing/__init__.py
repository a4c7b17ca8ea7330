"""Pictures of numbers: colour tables, overlays and plots, from plain arrays and tables."""
