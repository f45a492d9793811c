"""Layer 4: what an artifact holds, to the last byte. Never imports torch."""
