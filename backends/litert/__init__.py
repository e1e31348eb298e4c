"""LiteRT: converting, quantizing, running and looking into ``.tflite`` files."""
