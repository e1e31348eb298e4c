"""Architecture: width, depth and resolution of a model."""
