"""The conformance kit: whether a plugin keeps what it promises, told by ``pytest --pyargs tradeoff.conformance``."""
