"""Seconds of an evaluation: stages, a deadline, an estimate from a slice."""
