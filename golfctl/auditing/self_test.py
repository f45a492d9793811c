"""`audit --self-test`: fourteen toy scorers and the verdicts they must get.

A checker that is never shown a fault proves nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from golfctl.auditing.finding import Finding, Verdict
from golfctl.auditing.plan import Plan
from golfctl.auditing.rules import Rules, load_rules
from golfctl.auditing.run import run_audit
from golfctl.auditing.subject import AuditContext, Subject
from golfctl.auditing.toys.model import ToySource, make_model, toy_text
from golfctl.auditing.toys.table import TOYS, Toy, ToyBox
from golfctl.core.progress import SILENT, Progress

CHECK_IDS = ("T0", "T1", "T1b", "T2", "T3", "T3r", "T8", "T10", "T12-i", "T12-ii", "T12-iii", "T12-v")
_PLAN = {"text_tokens": 512, "mass_tokens": 96, "mass_positions": 8}


class ToyResult(NamedTuple):
    """One toy's findings and the ids whose verdict is not the expected one."""

    toy: Toy
    findings: tuple[Finding, ...]
    wrong: tuple[str, ...]


def toy_plan(seed: int, **changes: int | float) -> Plan:
    """The probes of the self-test."""
    return Plan.from_dict({**_PLAN, "seed": seed, **changes})


def toy_subject(toy: Toy, plan: Plan) -> Subject:
    """A toy scorer with text, other documents, batch variants and its own source."""
    model = make_model(plan.seed)
    rng = np.random.default_rng([plan.seed, 14])
    return Subject(
        name=toy.name,
        box=ToyBox(toy, model),
        text_N=toy_text(plan.text_tokens, rng),
        others_M=toy_text(2 * plan.text_tokens, rng),
        variants={"batch 1": ToyBox(toy, model, 1), "batch 48": ToyBox(toy, model, 48)},
        source=ToySource(model),
    )


def expected(toy: Toy, check: str) -> tuple[Verdict, ...]:
    """The verdicts that `check` may give `toy`."""
    if check in toy.either:
        return (Verdict.PASS, Verdict.FAIL)
    if check in toy.fails:
        return (Verdict.FAIL,)
    if check in toy.warns:
        return (Verdict.WARN,)
    if check == "T2" and not toy.honest:
        return (Verdict.PASS, Verdict.WARN)
    return (Verdict.PASS,)


def audit_toy(toy: Toy, plan: Plan, rules: Rules, only: Sequence[str] = CHECK_IDS) -> ToyResult:
    """Audit one toy scorer and compare with what is expected."""
    report = run_audit(toy_subject(toy, plan), AuditContext(plan, rules), only=only)
    wrong = tuple(f.id for f in report.findings if f.verdict not in expected(toy, f.id))
    return ToyResult(toy, report.findings, wrong)


def self_test(seed: int = 0, progress: Progress = SILENT) -> list[ToyResult]:
    """Audit all fourteen; every `wrong` must be empty."""
    plan, rules = toy_plan(seed), load_rules()
    results = []
    with progress.task("self-test", len(TOYS), "scorers") as task:
        for toy in TOYS:
            results.append(audit_toy(toy, plan, rules))
            task.advance()
    return results
