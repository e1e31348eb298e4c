"""Entropy coding: weights as Huffman or ANS streams, in a container from which the artifact comes back bit for bit."""
