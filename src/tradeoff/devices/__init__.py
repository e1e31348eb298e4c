"""Devices that are not here: what is known of each, and what that says of a model."""
