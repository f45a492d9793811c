"""golfctl's own coder of quantised weights, `rans/1`, and `rans-lp/1` around it. Encoder-only files: fit, rate."""
