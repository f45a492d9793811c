"""T15: seconds of every phase that the journal timed, against the limits of the rules."""

from collections.abc import Mapping

from golfctl.auditing.checks.base import Check
from golfctl.auditing.finding import Outcome, Verdict, not_covered
from golfctl.auditing.rules import Rules
from golfctl.auditing.subject import AuditContext, Subject

_STATISTIC = "largest share of a time limit"


def run(subject: Subject, context: AuditContext) -> Outcome:
    """Training with everything that touches training data, and evaluation with all its stages."""
    if not subject.seconds:
        return not_covered("no journal beside the artifact times a phase")
    return judge(subject.seconds, context.rules)


def judge(seconds: Mapping[str, float], rules: Rules) -> Outcome:
    """`seconds` by phase: training, evaluation (others are shown, not judged)."""
    limits = {"training": rules.limits.training_seconds, "evaluation": rules.limits.evaluation_seconds}
    shares = {name: seconds[name] / limit for name, limit in limits.items() if name in seconds}
    if not shares:
        return not_covered("the journal times neither training nor evaluation")
    worst = max(shares, key=lambda name: shares[name])
    detail = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    if len(shares) < len(limits):
        detail += f"; {', '.join(sorted(set(limits) - set(shares)))} not timed"
    if shares[worst] > 1.0:
        return Outcome(
            Verdict.FAIL, _STATISTIC, shares[worst], 1.0, f"{worst} over its {limits[worst]:.0f} s: {detail}"
        )
    late = seconds.get("evaluation", 0.0) > rules.limits.evaluation_warn_seconds
    return Outcome(Verdict.WARN if late else Verdict.PASS, _STATISTIC, shares[worst], 1.0, detail)


CHECK = Check(
    "T15",
    "clocks",
    0,
    "R4",
    "what ran before or beside the journal, and other hardware: the limits are meant for the contest's machine",
    "the journal's seconds exceed the limits",
    run,
)
