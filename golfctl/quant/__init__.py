"""Layer 2: float tensors to integer codes and side parameters, and back."""
