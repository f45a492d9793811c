"""Layer 2: lossless coding of integer arrays and bytes. Never imports torch."""
