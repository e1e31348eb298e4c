"""How long, how much memory, how much energy: what is measured of an artifact, and how well that is known."""
