"""Fourteen toy scorers with known faults: the audit's own positive and negative controls."""
