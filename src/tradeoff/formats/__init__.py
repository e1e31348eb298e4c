"""Files from strangers, read without running anything that stands in them."""
