"""A simulated microcontroller: TFLM's interpreter, and what a device's profile makes of it."""
