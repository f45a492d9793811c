"""Layer 5: checks with verdicts on scorers, artifacts, records and claims."""
