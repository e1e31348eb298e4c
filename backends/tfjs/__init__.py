"""TensorFlow.js: its files, written and read without its converter."""
