"""Tasks and models, one module each."""
