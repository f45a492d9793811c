"""Two processes and one file: races of writers that are killed at random, and what must be true after each."""
