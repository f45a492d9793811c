"""T6: counted bytes from disk against the decimal cap."""

from collections.abc import Sequence

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.rules import Rules
from golfctl.auditing.subject import AuditContext, CountedFile, Subject

_STATISTIC = "counted bytes"


def run(subject: Subject, context: AuditContext) -> Outcome:
    """The artifact as it lies on disk, and the code and tokenizer that count with it."""
    if subject.counted is None:
        return not_covered("no artifact to weigh")
    return judge(subject.counted, context.rules)


def judge(files: Sequence[CountedFile], rules: Rules) -> Outcome:
    """Over the cap fails; close to it, or with something that counts left out, warns."""
    cap = rules.limits.counted_bytes
    total = sum(file.bytes for file in files)
    kinds = {kind for file in files for kind in file.holds}
    detail = " + ".join(f"{file.name} {file.bytes:,}" for file in files)
    if total > cap:
        detail += f": over by {total - cap:,}"
        if any(total <= wrong for wrong in rules.limits.wrong_caps):
            detail += " (16 MiB is not the cap)"
        return Outcome(Verdict.FAIL, _STATISTIC, float(total), float(cap), detail)
    missing = [what for what in ("code", "tokenizer") if getattr(rules.counting, what) and what not in kinds]
    if missing:
        detail += f"; {' and '.join(missing)} not counted"
    near = total > cap - rules.limits.near_bytes
    return Outcome(Verdict.WARN if missing or near else Verdict.PASS, _STATISTIC, float(total), float(cap), detail)


CHECK = Check(
    "T6",
    "size from disk",
    0,
    "R1",
    "files that scoring opens and nobody named (T14 lists them); code counts when embedded or named with --code",
    "what is needed to score is larger than the limit",
    run,
)
