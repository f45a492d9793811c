"""What puts any scorer under `golfctl audit`: read token files, score them your way, write ledgers.

    golfctl audit --scorer-cmd "python examples/audit-adapter/adapter.py {folder}" --tokens val.bin --vocab 256

A token file is little-endian uint16 without a header. A ledger has one line for every score, in the order in which the
scores were made: `order position nll`, where position is the index of the scored token in the file and nll is in nats.
Every file is a fresh evaluation. Put your scorer in place of `score`.
"""

import math
import sys
from array import array
from collections import Counter
from pathlib import Path


def score(tokens, vocab=256):
    """Adaptive order-0 counts, as an example: yields (position, nll) for every token but the first."""
    counts = Counter(tokens[:1])
    for position in range(1, len(tokens)):
        p = (counts[tokens[position]] + 0.5) / (position + 0.5 * vocab)
        yield position, -math.log(p)
        counts[tokens[position]] += 1


for path in sorted(Path(sys.argv[1]).glob("*.bin")):
    rows = score(array("H", path.read_bytes()).tolist())
    lines = [f"{order} {position} {nll!r}\n" for order, (position, nll) in enumerate(rows)]
    path.with_suffix(".ledger").write_text("".join(lines))
