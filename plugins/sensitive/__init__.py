"""Mixed precision by sensitivity."""
