"""T3b: masses over bytes within a token, for scorers that mix at the level of bytes."""

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Outcome, not_covered
from golfctl.auditing.subject import AuditContext, Subject


def run(subject: Subject, context: AuditContext) -> Outcome:
    """Never a pass: golfctl's rows are over tokens, and a ledger says nothing of bytes within them."""
    if subject.session is not None:
        return not_covered("its rows are over tokens, no bytes are mixed; T3 and T7 sum them")
    return not_covered("a ledger says nothing of bytes; audit a byte mixture with bytes as tokens (--vocab 256)")


CHECK = Check(
    "T3b",
    "mass over bytes",
    2,
    "C2",
    "everything: it says that nobody looked",
    "nobody looked whether the masses over bytes sum to one",
    run,
)
