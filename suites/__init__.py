"""The benchmarks: short pytest files, installed with the package and run with ``pytest --pyargs tradeoff.suites``."""
