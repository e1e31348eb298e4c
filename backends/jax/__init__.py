"""JAX and XLA: StableHLO as an artifact."""
