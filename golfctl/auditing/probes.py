"""Where the audit probes: cuts at random phase, and suffixes that look like text.

Legend: N tokens of a text, M tokens of other documents, C cuts.
"""

import numpy as np

SUFFIXES = ("random ids", "another document", "permuted")


def rng_for(seed: int, check: str) -> np.random.Generator:
    """The generator of one check: checks do not disturb each other's draws."""
    return np.random.default_rng([seed, *check.encode("ascii")])


def cut_positions(length: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` cuts c with 1 ≤ c ≤ N−2, one at a random place in each of `count` equal stretches, [C].

    Stretches spread the cuts over the text; the random place in each makes the phase relative to any stride,
    window, batch or chunk uniform: cuts at multiples of a chunk would miss a chunk that is misplaced.
    """
    edges = np.linspace(1, length - 1, count + 1)
    cuts_C = np.floor(edges[:-1] + rng.random(count) * np.diff(edges)).astype(np.int64)
    return np.clip(cuts_C, 1, length - 2)


def replace_suffix(
    text_N: np.ndarray, cut: int, kind: str, others_M: np.ndarray, vocab_size: int, rng: np.random.Generator
) -> np.ndarray:
    """`text_N` with every token after `cut` replaced (tokens ≤ cut kept); same length.

    `kind` is one of SUFFIXES. "another document" copies a random stretch of `others_M` (which must be longer than the
    suffix, or random ids are used for the rest).
    """
    altered_N = text_N.copy()
    count = len(text_N) - cut - 1
    if kind == "random ids":
        altered_N[cut + 1 :] = rng.integers(0, vocab_size, count)
    elif kind == "permuted":
        altered_N[cut + 1 :] = rng.permutation(text_N[cut + 1 :])
    elif kind == "another document":
        start = int(rng.integers(0, max(1, len(others_M) - count)))
        piece = others_M[start : start + count]
        altered_N[cut + 1 : cut + 1 + len(piece)] = piece
        altered_N[cut + 1 + len(piece) :] = rng.integers(0, vocab_size, count - len(piece))
    else:
        raise ValueError(f"no suffix kind {kind!r}")
    return altered_N
