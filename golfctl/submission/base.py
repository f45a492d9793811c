"""What a lint of a record folder is."""

from collections.abc import Callable
from dataclasses import dataclass

from golfctl.auditing.finding import Outcome
from golfctl.auditing.rules import Rules
from golfctl.submission.folder import RecordFolder


@dataclass(frozen=True)
class Lint:
    """Like a check, but over files and claims alone (level 0)."""

    id: str
    title: str
    rule: str
    limits: str
    run: Callable[[RecordFolder, Rules], Outcome]
