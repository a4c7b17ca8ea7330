"""Objects in images and texts: shapes, overlaps, and decisions on proposed objects."""
