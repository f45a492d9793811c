"""Byte budgets: named profiles or a plain number of decimal bytes."""

import re
from typing import Any, NamedTuple

from golfctl.artifact.byte_ledger import FILE, LedgerRow, counted_bytes
from golfctl.core.table import suggestion
from golfctl.errors import BudgetError, UsageError


class Budget(NamedTuple):
    """A limit in bytes; `profile` names the published rule it comes from, or is None."""

    limit_bytes: int
    profile: str | None = None

    def report(self, ledger: list[LedgerRow]) -> dict[str, Any]:
        """`{limit_bytes, headroom_bytes, ok, profile}`; the headroom is negative when over."""
        headroom = self.limit_bytes - counted_bytes(ledger)
        return {
            "limit_bytes": self.limit_bytes, "headroom_bytes": headroom, "ok": headroom >= 0, "profile": self.profile,
        }  # fmt: skip


# name: (limit in decimal bytes, what counts)
PROFILES = {
    "parameter-golf": (16_000_000, "the artifact file and the code, embedded in it or beside it (external)"),
}
_NUMBER = re.compile(r"[1-9][0-9]{0,14}(?:_[0-9]{3})*")


def find_budget(text: str) -> Budget:
    """A profile by name, or a number of bytes such as 16000000 or 16_000_000.

    Raises:
        UsageError: neither; units such as MB are refused because they are read in two ways.
    """
    if text in PROFILES:
        return Budget(PROFILES[text][0], text)
    if _NUMBER.fullmatch(text):
        return Budget(int(text))
    if re.fullmatch(r"[0-9._]+ *[KMG]i?B?", text, re.IGNORECASE):
        raise UsageError(f"budget {text!r}: write it in bytes, without a unit (MB and MiB differ), such as 16000000")
    raise UsageError(f"unknown budget {text!r}{suggestion(text, list(PROFILES))}, or a number of bytes")


def check_budget(ledger: list[LedgerRow], budget: Budget) -> None:
    """Raise `BudgetError` with the figures, and what to shrink, when the counted bytes exceed the budget."""
    report = budget.report(ledger)
    if report["ok"]:
        return
    over, largest = -report["headroom_bytes"], max(ledger, key=lambda row: row.bytes)
    where = "section" if largest.where == FILE else "file"
    raise BudgetError(
        f"over budget by {over:,} bytes: {counted_bytes(ledger):,} counted, limit {budget.limit_bytes:,}"
        f"{f' ({budget.profile})' if budget.profile else ''}"
        f"; the largest {where} is {largest.name!r} with {largest.bytes:,} bytes"
    )
