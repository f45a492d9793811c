"""`audit.json`: the findings, what was audited by digest, how hard, and under which rules. It gives no blessing."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from golfctl.auditing.finding import Finding, Verdict
from golfctl.auditing.plan import Plan
from golfctl.core.config import Config
from golfctl.core.table import suggestion
from golfctl.errors import UsageError


class AuditReport(Config):
    """Everything one audit found. `subject` holds names and digests, `required` the ids that had to be covered."""

    schema_version: Literal[1] = 1
    subject: dict[str, Any]
    rules: str
    plan: Plan
    level: int
    findings: tuple[Finding, ...]
    required: tuple[str, ...] = ()
    environment: dict[str, Any] = Field(default_factory=dict)
    seconds: float = 0.0

    @property
    def failures(self) -> list[str]:
        """Ids that failed, and required ids that are not covered or inconclusive; empty means exit code 0."""
        return [f.id for f in self.findings if f.verdict is Verdict.FAIL or self._unmet(f)]

    def _unmet(self, finding: Finding) -> bool:
        open_verdicts = (Verdict.NOT_COVERED, Verdict.INCONCLUSIVE)
        return finding.id in self.required and finding.verdict in open_verdicts

    def counts(self) -> dict[str, int]:
        """How many findings have each verdict, verdicts that occur only."""
        return {v.value: n for v in Verdict if (n := sum(f.verdict is v for f in self.findings))}


def check_ids(ids: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """`ids` as a tuple; raises UsageError with the nearest known id when one is unknown."""
    for identifier in ids:
        if identifier not in known:
            raise UsageError(f"no audit check {identifier!r}{suggestion(identifier, list(known))}")
    return tuple(ids)
