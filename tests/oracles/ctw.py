"""Context-tree weighting from its definition: log-probabilities of whole sequences, with products over all children."""

import copy
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


class PlainTree:
    """The tree over contexts that need not follow each other."""

    def __init__(self, vocab_size, depth, alpha):
        self.root, self.vocab_size, self.depth, self.alpha = Node(), vocab_size, depth, alpha

    def see(self, context, token):
        """Count `token` after a context of at least `depth` tokens."""
        node, path = self.root, [self.root]
        for k in range(1, self.depth + 1):
            node = node.children.setdefault(context[-k], Node())
            path.append(node)
        for node in path:
            total = sum(node.counts.values())
            node.own += math.log((node.counts[token] + self.alpha) / (total + self.alpha * self.vocab_size))
            node.counts[token] += 1

    def log_probability(self):
        """log P_w of everything seen."""
        return self.root.weighted(self.depth)

    def row(self, context):
        """Log-probabilities of the next token after a context: by how much each would change log P_w."""
        changes = []
        for token in range(self.vocab_size):
            changed = copy.deepcopy(self)
            changed.see(context, token)
            changes.append(changed.log_probability() - self.log_probability())
        return changes


def sequence_log_probability(tokens, vocab_size, depth, alpha):
    """log P_w of tokens[depth:], with the first `depth` tokens as context."""
    tree = PlainTree(vocab_size, depth, alpha)
    for i in range(depth, len(tokens)):
        tree.see(tokens[:i], tokens[i])
    return tree.log_probability()
