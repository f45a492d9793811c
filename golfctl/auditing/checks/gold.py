"""T7: the reported score of a token is −ln of what the posted row gives it, and the row sums to one.

Legend: N tokens of the text, R rows of a block, V vocabulary.
"""

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.subject import AuditContext, Session, Subject

_STATISTIC = "largest |reported − recomputed NLL| or |ln mass|, nats"
_TOLERANCE = 1e-6
_MASS_TOLERANCE = 1e-4


def run(subject: Subject, context: AuditContext) -> Outcome:
    """Drive a session over the text, recompute every score from its row, and compare with the box's ledger."""
    if subject.session is None or subject.box is None:
        return not_covered("the scorer cannot be driven step by step")
    text_N = subject.text_N
    (ledger,) = subject.box.score([text_N])
    mine_N, mass = recompute(subject.session(text_N), text_N)
    moves = np.abs(ledger.claimed(len(text_N)) - mine_N)[1:]
    worst = float(np.max(moves)) if np.isfinite(moves).all() else None
    detail = f"{len(moves):,} targets; largest |ln mass| {mass:.1e}"
    if worst is not None and worst <= _TOLERANCE and mass <= _MASS_TOLERANCE:
        return Outcome(Verdict.PASS, _STATISTIC, worst, _TOLERANCE, detail, context.noise)
    position = int(np.argmax(np.nan_to_num(moves, nan=np.inf))) + 1
    claimed = ledger.claimed(len(text_N))[position]
    facts = {"position": position, "reported": repr(claimed), "recomputed": repr(mine_N[position]), "ln_mass": mass}
    return Outcome(
        Verdict.FAIL, _STATISTIC, worst, _TOLERANCE, detail, context.noise, Evidence({"text": text_N}, facts)
    )


def recompute(session: Session, text_N: np.ndarray) -> tuple[np.ndarray, float]:
    """−ln p of every target from the posted rows [N] (renormalised in float64), and the largest |ln mass|."""
    nll_N = np.full(len(text_N), np.nan)
    worst = 0.0
    for block in session.blocks():
        rows_RV = session.predict(block)
        targets_R = text_N[block.first + 1 : block.stop + 1].astype(np.int64)
        top_R = rows_RV.max(axis=1)
        mass_R = top_R + np.log(np.exp(rows_RV - top_R[:, None]).sum(axis=1))
        worst = max(worst, float(np.max(np.abs(mass_R))))
        nll_N[block.first + 1 : block.stop + 1] = mass_R - rows_RV[np.arange(len(targets_R)), targets_R]
        session.observe(block, targets_R)
    return nll_N, worst


CHECK = Check(
    "T7",
    "gold consistency",
    2,
    "C2",
    "whether the rows themselves were made honestly; T1, T3 and T4 ask that",
    "booked scores are not those of the rows that were posted",
    run,
)
