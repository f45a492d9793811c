"""The checks: one file each, one row each in `golfctl/auditing/table.py`, one line each in docs/audit.md."""
