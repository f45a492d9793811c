"""Rows and targets to bytes and back, a step at a time."""
