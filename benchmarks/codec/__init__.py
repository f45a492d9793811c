"""Bytes and time of compressed text: golfctl beside general compressors. `python -m benchmarks.codec --help`."""
