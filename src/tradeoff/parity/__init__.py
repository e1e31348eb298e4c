"""Parity: how far an artifact is from the Keras model it was converted from, and at which layer it left it."""
