"""Scorers around the model: sliding windows, a rolling cache, and adaptation at test time."""
