"""Layer 2: everything that yields next-token distributions."""
