"""What a ledger of scores comes to: bits per byte, curves, and what general compressors make of the same text."""
