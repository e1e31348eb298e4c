"""The report in sentences."""
