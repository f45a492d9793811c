from golfctl.auditing.finding import Finding, Verdict
from golfctl.auditing.plan import Plan
from golfctl.auditing.report import AuditReport
from golfctl.auditing.table import CHECKS
from golfctl.cli.views.audit_text import audit_text


def finding(name, verdict, **more):
    return Finding(
        id=name, title=CHECKS[name].title, level=1, verdict=Verdict(verdict), statistic="nats " * 12, value=0.00012345,
        threshold=16_000_000.0, detail="a detail that goes on and on " * 6, rests_on="community", rule="C1",
        limits="much", **more,
    )  # fmt: skip


def report(verdicts, required=()):
    findings = tuple(finding(name, verdicts.get(name, "pass")) for name in CHECKS)
    return AuditReport(
        subject={}, rules="parameter-golf/1", plan=Plan(seed=2**32 - 1), level=2, findings=findings,
        required=required, seconds=1234.5,
    )  # fmt: skip


def test_the_default_table_fits_one_screen():
    for missing in (["T3b"], ["T3b", "T12-iv"], list(CHECKS)):
        lines = audit_text(report(dict.fromkeys(missing, "not covered"))).split("\n")
        assert len(lines) <= 24 and max(map(len, lines)) <= 100


def test_what_is_not_covered_shares_a_line_and_limits_say_why():
    shown = audit_text(report({"T3b": "not covered", "T12-iv": "not covered"}))
    assert "Not covered: T12-iv, T3b (--limits says why). Checks sample: a pass is no clearance." in shown
    assert "T3b mass over bytes" not in shown and "2 not covered" in shown
    shown = audit_text(report({"T3b": "not covered"}), limits=True)
    assert "Why not covered:\n  T3b     a detail" in shown and "(--limits" not in shown


def test_what_was_required_and_is_not_covered_keeps_its_row():
    shown = audit_text(report({"T13": "not covered", "T3b": "not covered"}, required=("T13",)))
    assert "T13 one-way feeder" in shown and "Not covered: T3b (" in shown


def test_a_failure_is_told_in_full():
    failed = finding("T0", "fail", reproducer="audit/T0")
    shown = audit_text(report({}).model_copy(update={"findings": (failed,)}))
    assert "FAIL" in shown and "(reproducer: audit/T0)" in shown and "on and on a detail" in shown
