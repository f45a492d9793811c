"""Scorers that learn by counting what was scored."""
