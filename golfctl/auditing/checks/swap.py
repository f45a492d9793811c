"""T4: another answer in place of the true one; nothing posted before the answer was revealed may differ.

Legend: N tokens of the text, R rows of a block, V vocabulary.
"""

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.probes import rng_for
from golfctl.auditing.subject import AuditContext, Session, Subject

_STATISTIC = "rows or states that differ before the answer is revealed"
_PROBES = 4


def run(subject: Subject, context: AuditContext) -> Outcome:
    """At random rows r: one session sees the text, another the text with token r + 1 swapped; compare up to row r."""
    if subject.session is None or subject.box is None:
        return not_covered("the scorer cannot be driven step by step")
    rng = rng_for(context.plan.seed, "T4")
    text_N, vocab_size = subject.text_N, subject.box.vocab_size
    wrong = 0
    evidence = None
    rows = rng.integers(1, len(text_N) - 1, _PROBES)
    for row in rows:
        other_N = text_N.copy()
        other_N[row + 1] = (int(text_N[row + 1]) + int(rng.integers(1, vocab_size))) % vocab_size
        problem = first_difference(subject.session(text_N), subject.session(other_N), text_N, other_N, int(row))
        if problem:
            wrong += 1
            facts = {"position": int(row) + 1, "differs": problem}
            evidence = Evidence({"original": text_N, "altered": other_N}, facts)
    verdict = Verdict.FAIL if wrong else Verdict.PASS
    detail = f"{_PROBES} answers swapped" + (f"; {evidence.facts['differs']}" if evidence else "")
    return Outcome(verdict, _STATISTIC, float(wrong), 0.0, detail, evidence=evidence)


def first_difference(one: Session, other: Session, text_N: np.ndarray, other_N: np.ndarray, row: int) -> str:
    """Walk both to the block that holds `row`; what differs before its answer is known, or an empty string."""
    for block, twin in zip(one.blocks(), other.blocks(), strict=True):
        if one.state() != other.state():
            return f"state before the block of row {block.first}"
        mine_RV, theirs_RV = one.predict(block), other.predict(twin)
        upto = min(row + 1, block.stop) - block.first
        if not np.array_equal(mine_RV[:upto], theirs_RV[:upto]):
            worst = float(np.max(np.abs(mine_RV[:upto] - theirs_RV[:upto])))
            return f"a row at or before {row} by up to {worst:.2g} nats"
        if one.state() != other.state():
            return f"state after predicting the block of row {block.first}"
        if block.stop > row:
            return ""
        one.observe(block, text_N[block.first + 1 : block.stop + 1])
        other.observe(twin, other_N[block.first + 1 : block.stop + 1])
    return ""


CHECK = Check(
    "T4",
    "answer swap",
    2,
    "C3",
    "a state that its own digest leaves out; rows before the probed block",
    "rows or states changed with an answer that was not yet shown: the scorer knows its targets beforehand",
    run,
)
