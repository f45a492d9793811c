"""What every check declares about itself."""

from collections.abc import Callable
from dataclasses import dataclass

from golfctl.auditing.finding import Outcome
from golfctl.auditing.subject import AuditContext, Subject


@dataclass(frozen=True)
class Check:
    """`rule` is an id of the rules file; `limits` says what the check cannot see, `fails` what a failure means."""

    id: str
    title: str
    level: int
    rule: str
    limits: str
    fails: str
    run: Callable[[Subject, AuditContext], Outcome]
