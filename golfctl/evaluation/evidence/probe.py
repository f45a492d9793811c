"""The causality probe: replace everything after a random row and see whether an earlier row moves.

It samples; it cannot prove. What it does not check: dependence on text outside the probed block, on the order of
blocks, or on time. Strict mode needs no probe: the future is not there.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor

from golfctl.scoring.protocol import Block, Scorer


@dataclass
class CausalityProbe:
    """Replays sampled blocks with a scrambled suffix and compares the rows before it, bit for bit.

    `tolerance` is 0 unless the device repeats itself only approximately; then it is ten times the largest
    difference between two equal runs, and at most 1e-4 nats (PR #1240's figure).
    """

    blocks: int
    vocab_size: int
    wanted: int = 8
    seed: int = 0
    done: int = 0
    rows: int = 0
    worst: float = 0.0
    worst_row: int = -1
    repeat: float = 0.0
    _number: int = field(default=0, repr=False)
    _owed: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        count = min(self.wanted, max(1, self.blocks // 10), self.blocks)
        among = max(self.blocks - 1, 1)  # the last block may have a single row
        self._chosen = set(self._rng.choice(among, size=min(count, among), replace=False).tolist() if count else [])

    def watch(self, scorer: Scorer, block: Block, rows_RV: Tensor) -> None:
        """Probe `block` if it is one of the sample; `rows_RV` is what `scorer` just predicted for it."""
        self.skip()
        if not self._owed or block.rows < 2:
            return
        self._owed -= 1
        if not self.done:
            self.repeat = _largest(rows_RV, scorer.predict(block))[0]
        cut = int(self._rng.integers(0, block.rows - 1))
        again_RV = scorer.predict(self.scrambled(block, cut))
        worst, row = _largest(rows_RV[: cut + 1], again_RV[: cut + 1])
        if worst > self.worst:
            self.worst, self.worst_row = worst, block.first + row
        self.done += 1
        self.rows += cut + 1

    def skip(self) -> None:
        """Pass over a block that was scored before an interruption; its probe is made up for in a later one."""
        self._owed += self._number in self._chosen
        self._number += 1

    def scrambled(self, block: Block, cut: int) -> Block:
        """`block` with every input after row `block.first + cut` replaced by another random token."""
        ids_N = block.ids_N.copy()
        after = ids_N[block.first + cut + 1 - block.origin :]
        after += self._rng.integers(1, self.vocab_size, size=len(after))
        after %= self.vocab_size
        return replace(block, ids_N=ids_N)

    @property
    def tolerance(self) -> float:
        """Largest difference, in nats, that is still called equal."""
        return min(10 * self.repeat, 1e-4)

    def finding(self) -> dict[str, Any]:
        """`{verdict, how}`: true, false, or null when no block could be probed."""
        if not self.done:
            return {"verdict": None, "how": "not probed"}
        if self.worst <= self.tolerance:
            exact = "bit for bit" if self.tolerance == 0 else f"to {self.tolerance:.1e} nats"
            how = f"probe: {self.done} random suffixes replaced, {self.rows} earlier rows unchanged {exact}"
            return {"verdict": True, "how": how}
        how = f"probe: row {self.worst_row} moved by {self.worst:.3g} nats when only later tokens were replaced"
        return {"verdict": False, "how": how}


def _largest(a_RV: Tensor, b_RV: Tensor) -> tuple[float, int]:
    """Largest difference of two tables of rows (infinite where one is not a number), and its row."""
    apart_RV = (a_RV - b_RV).abs()
    difference_R = apart_RV.masked_fill(apart_RV.isnan(), float("inf")).amax(dim=-1)
    worst, row = difference_R.max(dim=0)
    return float(worst), int(row)
