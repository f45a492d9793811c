"""Exact counts of contexts of every length up to a limit: one growing hash table, successors inside their node.

A node is a context: 64-bit fingerprint, n (times seen), T (distinct successors), and where its successors lie (with
T = 1: the successor itself, whose count is n). Since
successors belong to their node, Σ_v c(v) = n holds whatever the hash does: a fingerprint clash (about N²/2⁶⁵) would
merge two contexts and could not add mass. Counting is reversible, token by token from the end.

Where a token stands in a long list of successors is guessed from a small table of hints before the list is searched. A
hint is checked before it is believed: it may be missing, overwritten or out of date, and nothing but time is lost.

H table slots, P pool entries, N tokens, R places where tokens are counted, K longest context.
"""

import numpy as np

from golfctl.core.machine.compiled import compiled
from golfctl.scoring.counts.memory_hints import prefetch

# Columns of a node; SHAPE is T · 64 + log2(capacity). With T = 1, START is the successor itself.
KEY, SEEN, SHAPE, START = 0, 1, 2, 3
TOKEN, COUNT = 0, 1  # columns of the pool, where successors lie
_ROOT = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_NODES, _POOL, _HINTS = 0, 1, 2  # cells of `used`: entries of both tables, then the hints
_HINT_BITS = 15
_LONG = 16  # successors; shorter lists are searched at once
_AHEAD = 4  # tokens


@compiled(inline="always")
def extend_key(key: np.uint64, token: int) -> np.uint64:
    """Key of the context one token longer (to the left); splitmix64's finaliser over key and token."""
    z = (key ^ np.uint64(token + 1)) * _MIX1
    z = (z ^ (z >> np.uint64(29))) * _MIX2
    z = z ^ (z >> np.uint64(32))
    return z + _ROOT


@compiled(inline="always")
def find(nodes: np.ndarray, key: np.uint64) -> np.int64:
    """Slot of `key`, or of the empty slot where it would go."""
    mask = nodes.shape[0] - 1
    slot = np.int64(key & np.uint64(mask))
    wanted = np.int64(key)
    while nodes[slot, KEY] != wanted and nodes[slot, KEY] != 0:
        slot = (slot + 1) & mask
    return slot


@compiled(inline="always")
def _seek(pool: np.ndarray, start: int, stop: int, token: int) -> int:
    """Where `token` stands in `pool[start:stop]`, or -1; whole strips are compared at once."""
    i = start
    while i + _LONG <= stop:
        hit = 0
        for j in range(_LONG):
            hit |= pool[i + j, TOKEN] == token
        if hit:
            break
        i += _LONG
    while i < stop:
        if pool[i, TOKEN] == token:
            return i
        i += 1
    return -1


@compiled(inline="always")
def _place(pool: np.ndarray, used: np.ndarray, key: np.uint64, start: int, distinct: int, token: int) -> int:
    """The same for the successors of the context `key`, asking the hints first, which learn the answer."""
    if distinct <= _LONG:
        return _seek(pool, start, start + distinct, token)
    hint = _HINTS + np.int64((key ^ (np.uint64(token) * _ROOT)) >> np.uint64(64 - _HINT_BITS))
    i = start + used[hint]
    if used[hint] < distinct and pool[i, TOKEN] == token:
        return i
    i = _seek(pool, start, start + distinct, token)
    used[hint] = distinct if i < 0 else i - start
    return i


@compiled(inline="always")
def add(nodes: np.ndarray, pool: np.ndarray, used: np.ndarray, key: np.uint64, slot: np.int64, token: int) -> None:
    """Count `token` after the context `key`, whose slot is known; the caller saw to enough room."""
    if nodes[slot, KEY] == 0:
        nodes[slot, KEY] = np.int64(key)
        used[_NODES] += 1
    nodes[slot, SEEN] += 1
    distinct, log_capacity, start = nodes[slot, SHAPE] >> 6, nodes[slot, SHAPE] & 63, nodes[slot, START]
    if distinct == 0 or (distinct == 1 and start == token):
        nodes[slot, SHAPE] = 1 << 6
        nodes[slot, START] = token
        return
    if distinct == 1:
        pool[used[_POOL], TOKEN] = start
        pool[used[_POOL], COUNT] = nodes[slot, SEEN] - 1
        nodes[slot, START] = start = used[_POOL]
        log_capacity = 1
        used[_POOL] += 2
    else:
        i = _place(pool, used, key, start, distinct, token)
        if i >= 0:
            pool[i, COUNT] += 1
            return
        if distinct == 1 << log_capacity:
            for i in range(distinct):
                pool[used[_POOL] + i] = pool[start + i]
            nodes[slot, START] = start = used[_POOL]
            log_capacity += 1
            used[_POOL] += 1 << log_capacity
    pool[start + distinct, TOKEN] = token
    pool[start + distinct, COUNT] = 1
    nodes[slot, SHAPE] = ((distinct + 1) << 6) | log_capacity


@compiled
def remove(nodes: np.ndarray, pool: np.ndarray, slot: int, token: int) -> None:
    """Undo the latest `add` of `token` at `slot`; a successor that falls to zero is the last one of its node."""
    distinct, start = nodes[slot, SHAPE] >> 6, nodes[slot, START]
    nodes[slot, SEEN] -= 1
    if distinct == 1:
        if nodes[slot, SEEN] == 0:
            nodes[slot, SHAPE] = 0
        return
    i = _seek(pool, start, start + distinct, token)
    pool[i, COUNT] -= 1
    if pool[i, COUNT] == 0:
        nodes[slot, SHAPE] -= 1 << 6
        if distinct == 2:
            nodes[slot, SHAPE] = 1 << 6
            nodes[slot, START] = pool[start, TOKEN]


@compiled
def room(nodes: np.ndarray, pool: np.ndarray, used: np.ndarray, contexts: int, vocab_size: int) -> bool:
    """Whether one more token can be counted in `contexts` contexts without growing."""
    nodes_fit = 3 * (used[_NODES] + contexts) <= 2 * nodes.shape[0]
    return nodes_fit and used[_POOL] + 4 * contexts * vocab_size <= pool.shape[0]


@compiled
def locate(nodes: np.ndarray, tokens_N: np.ndarray, i: int, deepest: int, keys: np.ndarray, slots: np.ndarray) -> int:
    """Keys and slots of the contexts of 0 … `deepest` tokens before position i; returns the longest one seen before."""
    match, key = 0, _ROOT
    for k in range(deepest + 1):
        if k:
            key = extend_key(key, tokens_N[i - k])
        keys[k], slots[k] = key, find(nodes, key)
        if nodes[slots[k], SEEN] > 0:
            match = k
    return match


@compiled
def claim_located(nodes: np.ndarray, used: np.ndarray, keys: np.ndarray, slots: np.ndarray, deepest: int) -> None:
    """Give every located context a node of its own, still without counts."""
    for k in range(deepest + 1):
        slots[k] = find(nodes, keys[k])
        if nodes[slots[k], KEY] == 0:
            nodes[slots[k], KEY] = np.int64(keys[k])
            used[_NODES] += 1


@compiled
def add_located(
    nodes: np.ndarray, pool: np.ndarray, used: np.ndarray, keys: np.ndarray, slots: np.ndarray, deepest: int, token: int
) -> None:
    """Count `token` after every located context; a slot that another new context took meanwhile is sought again."""
    for k in range(deepest + 1):
        slot = slots[k]
        if nodes[slot, KEY] != np.int64(keys[k]):
            slot = find(nodes, keys[k])
        add(nodes, pool, used, keys[k], slot, token)


@compiled(inline="always")
def _fetch_nodes(nodes: np.ndarray, tokens_N: np.ndarray, i: int, deepest: int, keys: np.ndarray) -> None:
    """Write the keys of the contexts before position i and ask for their nodes."""
    key, mask = _ROOT, np.uint64(nodes.shape[0] - 1)
    keys[0] = key
    for k in range(1, deepest + 1):
        key = extend_key(key, tokens_N[i - k])
        keys[k] = key
        prefetch(nodes, np.int64(key & mask))


@compiled(inline="always")
def _fetch_successors(nodes: np.ndarray, pool: np.ndarray, deepest: int, keys: np.ndarray) -> None:
    """Ask for the successors of these contexts, as their nodes stand now; only time is lost where that is a guess."""
    mask = np.uint64(nodes.shape[0] - 1)
    for k in range(1, deepest + 1):
        slot = np.int64(keys[k] & mask)
        if nodes[slot, SHAPE] >> 6 > 1:
            prefetch(pool, nodes[slot, START])


@compiled
def count_tokens(
    nodes: np.ndarray,
    pool: np.ndarray,
    used: np.ndarray,
    tokens_N: np.ndarray,
    at_R: np.ndarray,
    reach_R: np.ndarray,
    begin: int,
    longest: int,
    vocab: int,
) -> int:
    """Count the tokens at places `begin, begin + 1, …` after their contexts; returns where room ran out, or R.

    Place r is `tokens_N[at_R[r]]`, its longest context `reach_R[r]` tokens. Nearly every node lies outside the cache,
    and so do its successors. All contexts are known beforehand: nodes are asked for 2·_AHEAD places early, successors
    _AHEAD.
    """
    keys, places = np.empty((2 * _AHEAD + 1, longest + 1), np.uint64), len(at_R)
    for latest in range(begin, places + 2 * _AHEAD):
        if latest < places:
            _fetch_nodes(nodes, tokens_N, at_R[latest], reach_R[latest], keys[latest % len(keys)])
        middle, r = latest - _AHEAD, latest - 2 * _AHEAD
        if begin <= middle < places:
            _fetch_successors(nodes, pool, reach_R[middle], keys[middle % len(keys)])
        if r < begin:
            continue
        if not room(nodes, pool, used, longest + 1, vocab):
            return r
        own, token = keys[r % len(keys)], tokens_N[at_R[r]]
        for k in range(reach_R[r] + 1):
            add(nodes, pool, used, own[k], find(nodes, own[k]), token)
    return places


@compiled
def uncount_tokens(nodes: np.ndarray, pool: np.ndarray, tokens_N: np.ndarray, first: int, longest: int) -> None:
    """Undo `count_tokens` of tokens `first …`, from the last one back."""
    keys, slots = np.empty(longest + 1, np.uint64), np.empty(longest + 1, np.int64)
    for i in range(len(tokens_N) - 1, first - 1, -1):
        deepest = min(longest, i)
        locate(nodes, tokens_N, i, deepest, keys, slots)
        for k in range(deepest + 1):
            remove(nodes, pool, slots[k], tokens_N[i])


@compiled
def _rehash(old: np.ndarray, new: np.ndarray) -> None:
    for slot in range(old.shape[0]):
        if old[slot, KEY] != 0:
            new[find(new, np.uint64(old[slot, KEY]))] = old[slot]


@compiled
def _slot_of(nodes: np.ndarray, context_K: np.ndarray) -> np.int64:
    key = _ROOT
    for i in range(len(context_K) - 1, -1, -1):
        key = extend_key(key, context_K[i])
    return find(nodes, key)


class ContextCounts:
    """The table, grown from outside the compiled code; contexts of 0 … `longest` tokens."""

    def __init__(self, longest: int, vocab_size: int, slots_log2: int = 16, columns: int = 4) -> None:
        """`columns` beyond 4 are the caller's own, zero at first and kept with their node."""
        self.longest = longest
        self.vocab_size = vocab_size
        self.nodes = np.zeros((1 << slots_log2, columns), np.int64)
        self.pool = np.zeros((8 * (longest + 1) * vocab_size + (1 << slots_log2), 2), np.int32)
        self.used = np.zeros(_HINTS + (1 << _HINT_BITS), np.int64)

    def grow(self) -> None:
        """Double whatever is short of room."""
        contexts = self.longest + 1
        # before the compiled code runs out of room: every call must make progress
        if 2 * (self.used[_NODES] + contexts) > len(self.nodes):
            larger = np.zeros((2 * len(self.nodes), self.nodes.shape[1]), np.int64)
            _rehash(self.nodes, larger)
            self.nodes = larger
        if self.used[_POOL] + 4 * contexts * self.vocab_size > len(self.pool):
            self.pool = np.concatenate([self.pool, np.zeros_like(self.pool)])

    def count(self, tokens_N: np.ndarray, first: int) -> None:
        """Count tokens `first …` of `tokens_N` (int64) after their contexts; earlier tokens are context only."""
        at_R = np.arange(first, len(tokens_N))
        self.count_places(tokens_N, at_R, np.minimum(at_R, self.longest))

    def count_places(self, tokens_N: np.ndarray, at_R: np.ndarray, reach_R: np.ndarray) -> None:
        """Count the tokens at `at_R` in order, each after its contexts of up to `reach_R` tokens."""
        done = 0
        while done < len(at_R):
            done = count_tokens(
                self.nodes, self.pool, self.used, tokens_N, at_R, reach_R, done, self.longest, self.vocab_size
            )
            if done < len(at_R):
                self.grow()

    def uncount(self, tokens_N: np.ndarray, first: int) -> None:
        """Undo the latest `count` of exactly these tokens."""
        uncount_tokens(self.nodes, self.pool, tokens_N, first, self.longest)

    def successors(self, context: "list[int] | np.ndarray") -> dict[int, int]:
        """Counts after a context, for tests and reports."""
        slot = _slot_of(self.nodes, np.asarray(context, np.int64))
        distinct, start = int(self.nodes[slot, SHAPE]) >> 6, int(self.nodes[slot, START])
        if distinct < 2:
            return {start: int(self.nodes[slot, SEEN])} if distinct else {}
        return {int(token): int(count) for token, count in self.pool[start : start + distinct]}
