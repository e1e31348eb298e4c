"""Pictures: Vega-Lite specifications and what draws them."""
