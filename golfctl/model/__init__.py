"""Layer 2: transformer components, the network they form, and the names of its tensors."""
