"""Texts through a scorer of steps and the row coder: the same walk for whoever knows the texts and whoever gets to.

Shapes: N targets of one text, K lanes at work, V vocabulary.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from golfctl.codec.rows.row_coder import RowDecoder, RowEncoder
from golfctl.codec.rows.token_checks import Checks
from golfctl.codec.text_format.text_rules import fail
from golfctl.core.progress import SILENT, Progress
from golfctl.errors import DataError
from golfctl.scoring.protocol import Scorer
from golfctl.scoring.steps.lanes import Lanes, Text
from golfctl.scoring.steps.question import NONE_KNOWN


class KnownText(NamedTuple):
    """What a lane reads: the token it is given, and its targets [N]."""

    given: int
    targets_N: np.ndarray


class Coded(NamedTuple):
    """The bytes of the rows, and the checks along them."""

    payload: bytes | memoryview
    checks: bytes | memoryview


class ProofEncoder:
    """Codes the rows of somebody else's walk: hand it every step's rows and targets as they are booked."""

    def __init__(self) -> None:
        self._coder, self._checks, self.rows = RowEncoder(), Checks(), 0

    def add(self, rows_KV: Tensor, targets_K: np.ndarray) -> None:
        """One more step."""
        self._coder.encode(rows_KV, targets_K)
        self._checks.add(targets_K)
        self.rows += len(targets_K)

    @property
    def bytes(self) -> int:
        """Bytes so far."""
        return self._coder.bytes

    def finish(self) -> Coded:
        """All that was coded."""
        return Coded(self._coder.finish(), self._checks.taken)


def encode_texts(
    scorer: Scorer,
    texts: Sequence[KnownText],
    lanes: int,
    vocab_size: int,
    progress: Progress = SILENT,
) -> Coded:
    """Code `texts`, read on so many lanes.

    Raises:
        DataError: a token outside the vocabulary. NumericsError: a row that is no distribution.
    """
    total = sum(len(text.targets_N) for text in texts)
    for text in texts:
        if len(text.targets_N) and not 0 <= int(text.targets_N.min()) <= int(text.targets_N.max()) < vocab_size:
            raise DataError(f"a token outside the model's vocabulary of {vocab_size:,}: wrong tokenizer?")
    walk = Lanes([Text(text.given, len(text.targets_N)) for text in texts], lanes)
    coder = ProofEncoder()
    scorer.reset(NONE_KNOWN)
    with progress.task("compressing", total, "token") as task:
        while step := walk.step():
            rows_KV = scorer.predict(step)
            text_K, row_K = walk.reading()
            targets_K = np.array(
                [texts[text].targets_N[row] for text, row in zip(text_K, row_K, strict=True)], np.int64
            )
            coder.add(rows_KV, targets_K)
            scorer.observe(step, targets_K)
            walk.reveal(targets_K)
            task.advance(step.rows, bits=8 * coder.bytes / coder.rows)
    return coder.finish()


def decode_texts(
    scorer: Scorer,
    texts: Sequence[Text],
    lanes: int,
    coded: Coded,
    total: int,
    end: int | None = None,
    progress: Progress = SILENT,
    label: str = "decompressing",
) -> list[np.ndarray]:
    """The targets of every text, from the same scorer and lanes; `total` is the number of all targets.

    Raises:
        TextRuleError: the bytes are damaged, or the rows are not those they were coded with.
    """
    walk, coder, checks = Lanes(texts, lanes, end), RowDecoder(coded.payload), Checks(coded.checks)
    found: list[list[int]] = [[] for _ in texts]
    left = total
    scorer.reset(NONE_KNOWN)
    with progress.task(label, total, "token") as task:
        while step := walk.step():
            targets_K = coder.decode(scorer.predict(step))
            checks.add(targets_K)
            for text, target in zip(walk.reading()[0], targets_K, strict=True):
                found[text].append(int(target))
            scorer.observe(step, targets_K)
            walk.reveal(targets_K)
            left -= step.rows
            if left < 0:
                fail("payload", f"{total:,} tokens", "texts that do not end")
            task.advance(step.rows)
    if left:
        fail("payload", f"{total:,} tokens", f"{total - left:,}")
    coder.finish()
    return [np.array(targets, np.int64) for targets in found]
