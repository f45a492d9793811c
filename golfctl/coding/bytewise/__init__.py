"""Coders that hand an array's bytes to a general compressor."""
