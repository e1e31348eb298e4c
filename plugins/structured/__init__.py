"""Structured pruning: neurons, filters and channels really removed."""
