"""The Pitman-Yor chain over the uniform distribution, from dictionaries, one token at a time."""

from collections import Counter, defaultdict

import numpy as np


class PlainNgram:
    """Counts of contexts of 0 … order - 1 tokens in a dictionary of counters."""

    def __init__(self, vocab_size, order, discount, strength):
        self.vocab_size, self.order, self.discount, self.strength = vocab_size, order, discount, strength
        self.counts = defaultdict(Counter)
        self.seen = []

    def row(self):
        q_V = np.full(self.vocab_size, 1 / self.vocab_size)
        for k in range(min(self.order - 1, len(self.seen)) + 1):
            after = self.counts.get(tuple(self.seen[len(self.seen) - k :]))
            if not after:
                continue
            n, distinct = sum(after.values()), len(after)
            c_V = np.array([max(after[v] - self.discount, 0) if v in after else 0.0 for v in range(self.vocab_size)])
            q_V = (c_V + (self.strength + self.discount * distinct) * q_V) / (n + self.strength)
        return q_V

    def see(self, token, count=True):
        if count:
            for k in range(min(self.order - 1, len(self.seen)) + 1):
                self.counts[tuple(self.seen[len(self.seen) - k :])][token] += 1
        self.seen.append(token)


def plain_rows(tokens, vocab_size, order, discount, strength):
    """Rows [R, V] for every target of `tokens`; the first token is context only."""
    model = PlainNgram(vocab_size, order, discount, strength)
    model.see(int(tokens[0]), count=False)
    rows = []
    for token in tokens[1:]:
        rows.append(model.row())
        model.see(int(token))
    return np.array(rows)
