"""The same scorer as adapter.py, fed a token at a time: what `golfctl audit --step-cmd` talks to.

    golfctl audit --scorer-cmd "python examples/audit-adapter/adapter.py {folder}" \
        --step-cmd "python examples/audit-adapter/step.py" --tokens val.bin --vocab 256

One token id comes in a line; one line goes out with the natural logarithms of the probabilities of all tokens that may
come next. The next token arrives only after that.
"""

import math
import sys

VOCAB = 256

counts = [0] * VOCAB
for position, line in enumerate(sys.stdin, start=1):
    counts[int(line)] += 1
    print(*(math.log((n + 0.5) / (position + 0.5 * VOCAB)) for n in counts), flush=True)
