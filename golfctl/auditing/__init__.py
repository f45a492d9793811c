"""Layer 5: checks on artifacts, scorers and claims."""
