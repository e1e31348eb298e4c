"""Low rank: ``svd``, ``tucker`` and ``cp``."""
