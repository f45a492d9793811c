"""Layer 4: the training loop, run directories, resume."""
