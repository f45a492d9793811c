"""Every toy scorer gets its verdicts; and a broken check is noticed."""

import numpy as np
import pytest

from golfctl.auditing import self_test
from golfctl.auditing.finding import Outcome, Verdict
from golfctl.auditing.rules import load_rules
from golfctl.auditing.toys.table import TOYS

RULES = load_rules()
SHORT = {"text_tokens": 256, "cuts": 20, "truncations": 2, "mass_tokens": 48, "mass_positions": 4, "source_tokens": 512}
"""Probes that still tell every toy's verdicts; the command's own run in the slow tests."""


@pytest.mark.parametrize("toy", TOYS, ids=lambda t: t.name)
def test_verdicts(toy):
    result = self_test.audit_toy(toy, self_test.toy_plan(1, **SHORT), RULES)
    assert result.wrong == (), [f for f in result.findings if f.id in result.wrong]


def test_a_blind_check_is_noticed(monkeypatch):
    from golfctl.auditing.checks import suffix

    blind = suffix.CHECK.__class__(**{**vars(suffix.CHECK), "run": lambda s, c: Outcome(Verdict.PASS, "nothing")})
    monkeypatch.setattr(suffix, "CHECK", blind)
    leaky = next(toy for toy in TOYS if "T1" in toy.fails)
    assert self_test.audit_toy(leaky, self_test.toy_plan(1), RULES, only=["T1"]).wrong == ("T1",)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_more_seeds(seed):
    assert [r.toy.name for r in self_test.self_test(seed) if r.wrong] == []


def test_same_seed_same_findings():
    plan = self_test.toy_plan(9, **SHORT)
    first, second = (self_test.audit_toy(TOYS[2], plan, RULES).findings for _ in range(2))
    assert first == second
    other = self_test.audit_toy(TOYS[2], self_test.toy_plan(10, **SHORT), RULES).findings
    assert [f.value for f in first] != [f.value for f in other]
    assert all(np.isfinite(f.value) for f in first if f.value is not None)
