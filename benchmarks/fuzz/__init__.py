"""Mutated artifacts against the reader: `python -m benchmarks.fuzz --count 100000`."""
