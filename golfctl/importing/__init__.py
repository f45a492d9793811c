"""Layer 4: checkpoints and artifacts of the reference submissions, read without running anybody's code."""
