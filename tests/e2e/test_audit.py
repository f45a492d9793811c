"""The chain's artifact under audit, from the command line, and its receipt."""

import json

import pytest
from jsonschema import Draft202012Validator

from golfctl.cli.schema_table import schema_of
from golfctl.core.journal import read_journal
from tests.e2e.conftest import golfctl

pytestmark = pytest.mark.slow
QUICK = ("--quiet", "--seed", "3", "--cuts", "6", "--positions", "1", "--answers", "8")


def test_the_latest_run_passes_fits_one_screen_and_leaves_a_receipt(chain, shared_cache):
    done = golfctl("audit", *QUICK, "--report", "audit.json", cwd=chain, env=shared_cache)
    lines = done.stdout.splitlines()
    assert len(lines) <= 24 and "legal" not in done.stdout.lower()  # rows are whole in a pipe
    report = json.loads((chain / "audit.json").read_text())
    Draft202012Validator(schema_of("audit")).validate(report)
    verdicts = {f["id"]: f["verdict"] for f in report["findings"]}
    left_out = {check for check, verdict in verdicts.items() if verdict == "not covered"}
    assert left_out == {"T12-iv", "T3b"}, verdicts  # no second text was given; golfctl predicts no bytes
    assert set(verdicts.values()) <= {"pass", "warn", "not covered"} and report["level"] == 2, verdicts
    (run,) = [path.parent for path in (chain / "runs").glob("*/model.golf")]
    last = read_journal(run / "journal.jsonl").records[-1]
    assert last.kind == "audit" and last.body["subject"]["artifact_sha256"] == report["subject"]["artifact_sha256"]


def test_a_leaking_stack_ends_with_6_and_a_reproducer(chain, shared_cache, tmp_path):
    stack = ("--allow-leaks", "--slot-steps", "5", "--set", "eval.slot.form=shared")
    done = golfctl("audit", *QUICK, *stack, "--only", "T1,T8", "--evidence", tmp_path, "--json", cwd=chain, expect=6,
                   env=shared_cache)  # fmt: skip
    found = {f["id"]: f for f in json.loads(done.stdout)["findings"]}
    assert found["T1"]["verdict"] == "fail" and (tmp_path / "T1" / "reproducer.json").is_file()
    assert found["T8"]["verdict"] == "pass"


def test_level_2_is_not_covered_for_a_replay_and_require_says_so(chain, shared_cache):
    stack = ("--allow-leaks", "--set", "eval.tail=reference")
    done = golfctl("audit", *QUICK, *stack, "--only", "T4", "--require", "T4", cwd=chain, expect=6, env=shared_cache)
    assert "T4" in done.stderr and "not covered" in done.stdout
