"""Keras itself, on whichever engine it runs."""
