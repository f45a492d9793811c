"""T9: predicting leaves the state alone; only revealed targets may change it, and equal texts give equal states."""

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.subject import AuditContext, Subject

_STATISTIC = "states changed by predicting, or not reproduced"


def run(subject: Subject, context: AuditContext) -> Outcome:
    """Two sessions on one text: hash before and after each prediction, and at each block's end."""
    if subject.session is None:
        return not_covered("the scorer cannot be driven step by step")
    text_N = subject.text_N
    one, other = subject.session(text_N), subject.session(text_N)
    moved = unequal = changes = blocks = 0
    for block, twin in zip(one.blocks(), other.blocks(), strict=True):
        before = one.state()
        one.predict(block)
        moved += one.state() != before
        other.predict(twin)
        targets_R = text_N[block.first + 1 : block.stop + 1]
        one.observe(block, targets_R)
        other.observe(twin, targets_R)
        unequal += one.state() != other.state()
        changes += one.state() != before
        blocks += 1
    value = float(moved + unequal)
    detail = f"{blocks} blocks, state changed by {changes} reveals" + ("" if changes else " (it keeps none)")
    return Outcome(Verdict.FAIL if value else Verdict.PASS, _STATISTIC, value, 0.0, detail)


CHECK = Check(
    "T9",
    "state hashes",
    2,
    "C3",
    "state that the scorer's digest leaves out",
    "a prediction changed the state that later ones start from: scoring a text once and twice are not the same",
    run,
)
