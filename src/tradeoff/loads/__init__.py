"""Loads other than a batch: how requests arrive, and what comes of it."""
