"""Byte layouts of quantised tensors, one file each: codes and side parameters back to floats."""
