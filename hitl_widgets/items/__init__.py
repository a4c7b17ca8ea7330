"""Items: the pool, images, superpixels and features."""
