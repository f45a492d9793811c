"""The community's billing rule, one token at a time, spaces inside a piece counted as one byte."""

from itertools import pairwise


def billed_bytes(pieces, ids):
    """Bytes billed for ids[1:], each after the id before it."""
    total = 0
    for previous, target in pairwise(ids):
        text, kind = pieces[target]
        if kind == "byte":
            total += 1
        elif kind == "normal":
            if text.startswith("\u2581"):
                text = text[1:]
                total += pieces[previous].kind in ("normal", "byte")
            total += sum(1 if c == "\u2581" else len(c.encode()) for c in text)
    return total
