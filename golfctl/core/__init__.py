"""Layer 1: canonical JSON, digests, atomic files, strict configuration, journals. Never imports torch."""
