"""Budgets: figures in decimal bytes, refusals that say what to shrink."""

import pytest

from golfctl.artifact import Budget, LedgerRow, check_budget, find_budget
from golfctl.errors import BudgetError, UsageError

LEDGER = [
    LedgerRow("preamble", 64, "file"),
    LedgerRow("weights", 900, "file"),
    LedgerRow("train_gpt.py", 36, "external"),
]


def test_profile_is_sixteen_million_decimal_bytes():
    assert find_budget("parameter-golf") == Budget(16_000_000, "parameter-golf")


@pytest.mark.parametrize("text", ["16000000", "16_000_000"])
def test_plain_numbers(text):
    assert find_budget(text) == Budget(16_000_000)


@pytest.mark.parametrize("text", ["16MB", "15.9 MiB", "16M", "16kb"])
def test_units_are_refused(text):
    with pytest.raises(UsageError, match="in bytes, without a unit"):
        find_budget(text)


@pytest.mark.parametrize("text", ["parameter-gulf", "-1", "0", "", "1e6", "٣"])
def test_unknown_budgets_name_the_known_one(text):
    with pytest.raises(UsageError, match="parameter-golf"):
        find_budget(text)


def test_external_files_count():
    assert Budget(1000).report(LEDGER) == {"limit_bytes": 1000, "headroom_bytes": 0, "ok": True, "profile": None}
    check_budget(LEDGER, Budget(1000))


def test_over_budget_says_by_how_much_and_what_is_largest():
    with pytest.raises(BudgetError) as caught:
        check_budget(LEDGER, Budget(999, "tiny"))
    assert caught.value.exit_code == 5
    assert str(caught.value) == (
        "over budget by 1 bytes: 1,000 counted, limit 999 (tiny); the largest section is 'weights' with 900 bytes"
    )
