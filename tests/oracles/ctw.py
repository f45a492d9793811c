"""Context-tree weighting from its definition: log-probabilities of whole sequences, with products over all children."""

import math
from collections import Counter


class Node:
    """One context; its children are one token longer to the left."""

    def __init__(self):
        self.counts, self.own, self.children = Counter(), 0.0, {}

    def weighted(self, leaf_depth):
        """log P_w: at a leaf P_e, above it ½ P_e + ½ Π over all children of P_w (unvisited ones are 1)."""
        if leaf_depth == 0:
            return self.own
        below = sum(child.weighted(leaf_depth - 1) for child in self.children.values())
        high = max(self.own, below)
        return high + math.log(0.5 * math.exp(self.own - high) + 0.5 * math.exp(below - high))


def sequence_log_probability(tokens, vocab_size, depth, alpha):
    """log P_w of tokens[depth:], with the first `depth` tokens as context."""
    root = Node()
    for i in range(depth, len(tokens)):
        node, path = root, [root]
        for k in range(1, depth + 1):
            node = node.children.setdefault(tokens[i - k], Node())
            path.append(node)
        for node in path:
            total = sum(node.counts.values())
            node.own += math.log((node.counts[tokens[i]] + alpha) / (total + alpha * vocab_size))
            node.counts[tokens[i]] += 1
    return root.weighted(depth)
