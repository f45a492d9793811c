"""What `golfctl eval` does."""
