"""Rows of any number of runs as one file, to keep, to send and to ask with other tools: Parquet and JSON."""
