"""The CI examples do what they say: scripts of the workflow, the shell script and the hooks, run as a runner would."""

import json
import re
import shlex
import subprocess

import pytest
import yaml
from jsonschema import Draft202012Validator

from golfctl.artifact import write_artifact
from golfctl.cli.main import COMMANDS
from golfctl.cli.schema_table import schema_of
from tests.cli.ci_bench import GOOD, POINTER, ROOT, Bench
from tests.cli.ci_bench import steps as steps_of
from tests.samples import sample_draft

WORKFLOW = "examples/ci/github-actions.yml"


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path, before=None)


def run_workflow(bench, **environment):
    """Every `run:` step that the runner would start, in order; the codes by name and the log."""
    loaded = yaml.safe_load((ROOT / WORKFLOW).read_text())
    variables = {**loaded["env"], **environment}
    codes, log, failed = {}, "", False
    for step in steps_of(WORKFLOW):
        if "run" not in step or step["name"] == "Install golfctl" or (failed and "if" not in step):
            continue
        done = bench.run(step["run"], **variables)
        failed = failed or done.returncode != 0
        codes[step["name"].split(",")[0]] = done.returncode
        log += done.stdout + done.stderr
    return codes, log


def report(bench, name):
    value = json.loads((bench.folder / "inspect.json").read_text())
    Draft202012Validator(schema_of(name)).validate(value)
    return value


def test_a_new_artifact_passes_with_its_size_in_log_summary_and_report(bench):
    codes, log = run_workflow(bench)
    assert codes == {"Structure": 0, "What changed against the base branch": 0}
    counted = len(bench.good) + 12
    size = f"{counted:,} bytes counted, budget 16,000,000 (parameter-golf), {16_000_000 - counted:,} left"
    assert f"::notice file=model.golf,title=golfctl::model.golf: {size}; digests and every payload verified" in log
    assert "**Within budget (parameter-golf):**" in bench.summary and "`model.golf` is new" in bench.summary
    assert report(bench, "inspect")["budget"]["ok"] is True


def test_what_changed_against_the_base_is_in_the_summary(tmp_path):
    before = write_artifact(tmp_path / "before.golf", sample_draft(coder="raw/1"))
    bench = Bench(tmp_path, before)
    codes, log = run_workflow(bench)
    change = f"new − old: {len(bench.good) - len(before):+,} bytes in the file"
    assert set(codes.values()) == {0} and change in log and change in bench.summary
    assert "`FETCH_HEAD:model.golf` → `model.golf`" in bench.summary


@pytest.mark.parametrize(
    ("before", "reason"),
    [(POINTER, "this is a git-LFS pointer for an object of 15,900,000 bytes: run `git lfs fetch origin FETCH_HEAD`"),
     (b"\x89GLF and no more", "rule magic broken")],
)  # fmt: skip
def test_a_base_that_cannot_be_read_is_a_warning(tmp_path, before, reason):
    codes, log = run_workflow(Bench(tmp_path, before))
    assert set(codes.values()) == {0}
    assert f"golfctl: FETCH_HEAD:model.golf: {reason}" in log
    assert "::warning title=golfctl::not compared with the base branch" in log


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda path: path.unlink(), 3, "no such file: model.golf"),
        (lambda path: path.write_bytes(POINTER), 3, "model.golf: this is a git-LFS pointer"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), 4, "model.golf: rule file-length broken"),
    ],
)
def test_a_missing_and_a_damaged_artifact_fail_with_a_reason_everywhere(bench, spoil, code, words):
    spoil(bench.folder / GOOD)
    codes, log = run_workflow(bench)
    assert codes["Structure"] == code
    assert f"::error file=model.golf,title=golfctl::{words}" in log and f"golfctl: {words}" in log
    assert "**Failed:** " in bench.summary
    found = report(bench, "error")
    assert found["exit_code"] == code and found["message"].startswith(words) and found["details"]["path"] == GOOD


def test_over_budget_fails_with_the_figures_and_the_comparison(bench):
    codes, log = run_workflow(bench, BUDGET="5000")
    assert codes["Structure"] == 5 and codes["What changed against the base branch"] == 0
    over = f"over budget by {len(bench.good) + 12 - 5000:,} bytes"
    assert f"::error file=model.golf,title=golfctl::model.golf: {over}" in log
    assert "**Over budget:**" in bench.summary and "is new" in bench.summary
    assert report(bench, "inspect")["budget"]["ok"] is False


@pytest.mark.parametrize("name", ["a model of ours.golf", "-x.golf", "$(touch made).golf", 'q"uo`te|.golf'])
def test_a_name_is_a_name(bench, name):
    (bench.folder / GOOD).rename(bench.folder / name)
    codes, log = run_workflow(bench, ARTIFACT=name)
    assert set(codes.values()) == {0} and "bytes counted" in log
    assert not (bench.folder / "made").exists()


def test_the_script_reports_every_file_and_the_worst_code(bench):
    write_artifact(bench.folder / "large one.golf", sample_draft(coder="raw/1"))
    (bench.folder / "bad.golf").write_bytes(bench.good[:-1])
    script = shlex.quote(str(ROOT / "examples" / "ci" / "check_artifacts.sh"))
    fine = bench.run(f"{script} parameter-golf model.golf 'large one.golf'")
    assert fine.returncode == 0 and fine.stdout.count("bytes counted, budget 16,000,000") == 2 and fine.stderr == ""
    mixed = bench.run(f"{script} {len(bench.good) + 12} bad.golf 'large one.golf' model.golf none.golf")
    assert mixed.returncode == 5 and mixed.stdout.count("\n") == 1 and "model.golf: " in mixed.stdout
    for words in ("bad.golf: rule file-length", "large one.golf: over budget by", "no such file: none.golf"):
        assert f"golfctl: {words}" in mixed.stderr
    assert bench.run(f"{script} parameter-golf bad.golf").returncode == 4
    assert bench.run(f"{script} parameter-golf").returncode == 2


def hooks():
    local = yaml.safe_load((ROOT / "examples/ci/pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    return [*local, *yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())]


@pytest.mark.parametrize("hook", hooks(), ids=lambda hook: hook["language"])
def test_hooks_run_as_pre_commit_runs_them(bench, hook):
    assert {"id", "name", "entry", "language", "files"} <= set(hook)
    assert re.search(hook["files"], "records/a.golf") and not re.search(hook["files"], "a.golf.py")
    words = [*shlex.split(hook["entry"]), *hook.get("args", [])]
    assert words[0] == "golfctl" and words[1] in COMMANDS
    command = " ".join(map(shlex.quote, words))
    assert bench.run(f"{command} model.golf").returncode == 0
    (bench.folder / "bad one.golf").write_bytes(bench.good[:-1])
    done = bench.run(f"{command} model.golf 'bad one.golf'")
    assert done.returncode == 4 and "bad one.golf: rule file-length broken" in done.stderr


def test_the_script_is_plain_shell():
    script = ROOT / "examples" / "ci" / "check_artifacts.sh"
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
