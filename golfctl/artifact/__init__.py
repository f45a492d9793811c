"""Layer 2: the container. It knows identifiers, lengths and digests, and treats payloads as bytes."""
