"""Layer 4: the runner that owns the targets, the ledger and the reports."""
