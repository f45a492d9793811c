"""Layer 5: comparing sets of runs: what may be averaged, whether one set beats another, what the spread could show."""
