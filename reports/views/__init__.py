"""Views: tables of record, each a small TOML file."""
