"""Prediction, training and the registry of models."""
