"""T8: the ledger itself: every target once, in order, none missing.

Legend: N tokens of the text, R rows.
"""

import numpy as np

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Evidence, Outcome, Verdict, not_covered
from golfctl.auditing.foreign.posted_scores import PostedScores
from golfctl.auditing.subject import AuditContext, Subject

_TAIL_TOKENS = 64
_TAIL_SHARE = 0.05
_STATISTIC = "rows missing, doubled, out of order or impossible"


def run(subject: Subject, context: AuditContext) -> Outcome:
    """Judge the ledger of the audited text."""
    if subject.box is None:
        return not_covered("no scorer to run")
    (ledger,) = subject.box.score([subject.text_N])
    return judge(ledger, subject.text_N)


def judge(ledger: PostedScores, text_N: np.ndarray) -> Outcome:
    """A rescored tail (at most 64 targets or 5 % at the very end, the upstream window rule) warns; the rest fails."""
    length = len(text_N)
    position_R, nll_R = ledger.position_R, ledger.nll_R
    outside = int(np.sum((position_R < 1) | (position_R >= length)))
    bad = int(np.sum(~np.isfinite(nll_R) | (nll_R < 0)))
    counts = np.bincount(position_R[(position_R >= 1) & (position_R < length)], minlength=length)[1:]
    missing, doubled = int(np.sum(counts == 0)), np.flatnonzero(counts > 1) + 1
    extra = int(np.sum(counts[counts > 1] - 1))
    _, first_rows = np.unique(position_R, return_index=True)
    backwards = int(np.sum(np.diff(position_R[np.sort(first_rows)]) <= 0))
    value = float(outside + bad + missing + extra + backwards)
    detail = f"{missing} missing, {extra} doubled, {backwards} out of order, {outside + bad} impossible"
    if value == 0:
        return Outcome(Verdict.PASS, _STATISTIC, 0.0, 0.0, f"{len(position_R):,} rows")
    tail = max(_TAIL_TOKENS, int(_TAIL_SHARE * length))
    only_tail = extra and extra == value and doubled[0] >= length - tail
    if only_tail:
        shift = float(nll_R.mean() - np.nanmean(ledger.first(length)[1:]))
        detail = f"the last {length - int(doubled[0])} targets are scored again; the mean moves by {shift:+.1e} nats"
        return Outcome(Verdict.WARN, _STATISTIC, value, 0.0, detail)
    facts = {"missing": missing, "doubled": extra, "out_of_order": backwards, "first_doubled": doubled[:5].tolist()}
    return Outcome(Verdict.FAIL, _STATISTIC, value, 0.0, detail, evidence=Evidence({"text": text_N}, facts))


CHECK = Check(
    "T8",
    "single-pass ledger",
    1,
    "C4",
    "passes whose scores were thrown away before the ledger was written; T1 and T12-i see those that adapt",
    "targets were scored twice, left out or out of order: an average over them is no score of the text",
    run,
)
