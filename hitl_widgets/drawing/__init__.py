"""Plots, saliency overlays and HTML fragments, from plain arrays and tables."""
