"""A run as files: its journal, its manifest, and how it is gone on with, or done again."""
