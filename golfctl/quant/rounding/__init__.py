"""From floats to codes: clipping, and where the rounding error goes."""
