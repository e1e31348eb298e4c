"""``tradeoff search``: the best chain with the best values under limits, by what validation says of each."""
