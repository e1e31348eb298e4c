"""Training with simulated quantization."""
