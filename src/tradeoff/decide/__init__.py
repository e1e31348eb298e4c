"""From records to a decision: what is better than what, what fits, and which of it to ship."""
