import io
import sys

import pytest

from golfctl.auditing.finding import Finding, Verdict
from golfctl.auditing.plan import Plan
from golfctl.auditing.report import AuditReport
from golfctl.auditing.rules import load_rules
from golfctl.auditing.self_test import audit_toy, toy_plan
from golfctl.auditing.table import CHECKS
from golfctl.auditing.toys.table import TOYS
from golfctl.cli.auditing.audit_flow import VERDICT_COLOURS
from golfctl.cli.main import exit_code_of
from golfctl.cli.views.audit_text import audit_text
from golfctl.cli.views.bars import _Lines
from golfctl.cli.views.terminal import echo


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
        lines = audit_text(report(dict.fromkeys(missing, "not covered")), columns=100).split("\n")
        assert len(lines) <= 24 and max(map(len, lines)) <= 100


@pytest.mark.parametrize("columns", [80, 120, 200, None])
def test_rows_end_with_the_terminal_and_are_whole_without_one(columns):
    lines = [line for line in audit_text(report({}), columns=columns).split("\n") if "a detail" in line]
    whole = "a detail that goes on and on " * 6
    assert len(lines) == len(CHECKS)
    if columns is None:
        assert all(line.endswith(whole) for line in lines)
    else:
        assert all(len(line) == columns and line.endswith("…") for line in lines)


def test_what_is_not_covered_shares_a_line_and_limits_say_why():
    shown = audit_text(report({"T3b": "not covered", "T12-iv": "not covered"}))
    assert "Not covered: T12-iv, T3b (--details says why). Checks sample: a pass is no clearance." in shown
    assert "T3b mass over bytes" not in shown and "2 not covered" in shown
    shown = audit_text(report({"T3b": "not covered"}), details=True)
    assert "Why not covered:\n  T3b     a detail" in shown and "(--details" not in shown


def test_what_was_required_and_is_not_covered_keeps_its_row():
    shown = audit_text(report({"T13": "not covered", "T3b": "not covered"}, required=("T13",)))
    assert "T13 one-way feeder" in shown and "Not covered: T3b (" in shown


def test_a_failure_is_told_in_full():
    failed = finding("T0", "fail", reproducer="audit/T0")
    shown = audit_text(report({}).model_copy(update={"findings": (failed,)}))
    assert "FAIL" in shown and "    reproducer: audit/T0" in shown and "on and on a detail" in shown


def test_a_failure_says_what_it_means():
    """In the report of a toy that leaks; every check has such a sentence."""
    assert all(CHECKS[name].fails for name in CHECKS)
    leaking = next(toy for toy in TOYS if "T1" in toy.fails)
    result = audit_toy(leaking, toy_plan(0), load_rules(), only=("T1", "T8"))
    failed = [f for f in result.findings if f.verdict is Verdict.FAIL]
    assert failed and all(f.meaning == CHECKS[f.id].fails for f in failed)
    assert not any(f.meaning for f in result.findings if f.verdict is Verdict.PASS)


def test_limits_run_nothing(capsys):
    assert exit_code_of(["audit", "--limits", "--only", "T1,T3"]) == 0
    said = capsys.readouterr().out
    assert f"T1      {CHECKS['T1'].limits}" in said and "T4" not in said
    assert exit_code_of(["audit", "--limits", "--seed", "3"]) == 2
    assert "--seed does not go here" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_verdicts_have_colours_on_terminals_alone(monkeypatch, variables, coloured):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for stream, expected in ((Terminal(), coloured), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stdout", stream)
        echo(audit_text(report({"T0": "fail"}), columns=100), VERDICT_COLOURS)
        assert ("\x1b[31mFAIL\x1b[0m" in stream.getvalue()) == expected
        assert ("\x1b" in stream.getvalue()) == expected


def test_the_running_check_is_named(capsys):
    with _Lines().task("audit", 3, "checks") as task:
        task.advance(0, check="T1 suffix replacement")
    assert "check=T1 suffix replacement" in capsys.readouterr().err
