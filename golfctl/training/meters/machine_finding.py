"""One line of the doctor's report."""

from typing import Literal, NamedTuple

Status = Literal["ok", "missing", "note"]


class MachineFinding(NamedTuple):
    """What was looked at, how it stands, what was found, and what to do if anything."""

    name: str
    status: Status
    found: str
    advice: str = ""
