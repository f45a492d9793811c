"""What `golfctl audit` does."""
