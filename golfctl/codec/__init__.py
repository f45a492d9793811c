"""Text through a model into a file and back: compression, decompression, and text from nothing but a seed."""
