"""Combinators: several scorers' rows to one, calibrated."""
