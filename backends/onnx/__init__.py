"""ONNX Runtime: exporting, quantizing, running and looking into ``.onnx`` files."""
