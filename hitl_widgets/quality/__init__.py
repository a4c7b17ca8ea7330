"""Quality of answers and models, from arrays and tables alone."""
