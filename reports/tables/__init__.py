"""Runs become rows, rows become tables."""
