"""Deep Compression: prune, cluster and code as one technique."""
