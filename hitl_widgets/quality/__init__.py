"""How good answers and models are, from arrays and tables alone."""
