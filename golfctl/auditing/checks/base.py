"""What every check declares about itself."""

from collections.abc import Callable
from dataclasses import dataclass

from golfctl.auditing.finding import Outcome
from golfctl.auditing.subject import AuditContext, Subject


@dataclass(frozen=True)
class Check:
    """`rule` is an id of the rules file; `limits` says what the check cannot see, and is never empty."""

    id: str
    title: str
    level: int
    rule: str
    limits: str
    run: Callable[[Subject, AuditContext], Outcome]
