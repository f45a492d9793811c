"""Hostile files against their readers: `python -m benchmarks.fuzz --target artifact|importer --count 100000`."""
