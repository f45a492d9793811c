"""Comparing sets of runs: what may be averaged, whether one set beats another, and what the spread could show."""
