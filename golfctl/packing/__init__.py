"""Layer 3: checkpoint to artifact and back; where an identifier becomes an implementation."""
