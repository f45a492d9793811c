"""Roles of parameters: what optimizer groups, quantizer assignment and the byte census go by."""

from enum import StrEnum


class Role(StrEnum):
    """Every parameter has exactly one role."""

    MATRIX = "matrix"
    """A weight that multiplies hidden vectors (attention, MLP, projections of tables)."""
    EMBEDDING = "embedding"
    """A table looked up by token or hash; the tied token table too, though it is also the head."""
    HEAD = "head"
    """An untied output matrix."""
    GAIN = "gain"
    """Control parameters: scales, gates, mixes; few, and sensitive to rounding."""
