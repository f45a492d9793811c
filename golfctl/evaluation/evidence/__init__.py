"""What a run shows of its scorer: sampled causality, and digests of what adapted."""
