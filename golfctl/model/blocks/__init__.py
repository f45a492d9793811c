"""What every network has: embedding, attention, MLP, residual paths, head."""
