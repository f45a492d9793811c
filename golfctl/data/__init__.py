"""Layer 2: text, tokenizers, token shards and byte accounting."""
