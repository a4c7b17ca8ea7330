"""Objects in an image: boxes, polygons, points, how far they overlap, and what became of those that were proposed."""
