"""Backends, one module each."""
