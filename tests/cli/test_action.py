"""The GitHub action: its metadata, that no input is interpolated into a script, and its check run under bash."""

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from golfctl.artifact import write_artifact
from golfctl.cli.schema_table import schema_of
from tests.cli.ci_bench import GOOD, POINTER, ROOT, Bench, git, steps
from tests.samples import sample_draft

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
DEFAULTS = {name.upper(): value["default"] for name, value in ACTION["inputs"].items()} | {"BASE": ""}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path, before=None)


def check(bench, **inputs):
    """Run the check step with these inputs; the exit code and the log."""
    (step,) = [step for step in steps("action.yml") if step.get("id") == "check"]
    done = bench.run(step["run"], **{**DEFAULTS, **inputs})
    return done.returncode, done.stdout + done.stderr


def test_metadata_has_what_the_runner_needs():
    assert {"name", "description", "inputs", "outputs", "runs"} <= set(ACTION) and ACTION["runs"][
        "using"
    ] == "composite"
    assert all(value["description"] and "default" in value for value in ACTION["inputs"].values())
    ids = {step["id"] for step in steps("action.yml") if "id" in step}
    for value in ACTION["outputs"].values():
        assert value["value"].split(".")[1] in ids
    for step in steps("action.yml"):
        assert "uses" in step or step["shell"] == "bash"


@pytest.mark.parametrize("path", ["action.yml", "examples/ci/github-actions.yml"])
def test_no_value_is_interpolated_into_a_script(path):
    scripts = [step["run"] for step in steps(path) if "run" in step]
    assert scripts and not any("${{" in script for script in scripts)


def test_every_input_reaches_a_step():
    passed = " ".join(value for step in steps("action.yml") for value in step.get("env", {}).values())
    assert all(f"inputs.{name} " in passed for name in ACTION["inputs"])


def test_the_defaults_check_every_artifact_and_give_figures(bench):
    (bench.folder / "records" / "of may").mkdir(parents=True)
    large = write_artifact(bench.folder / "records" / "of may" / "large.golf", sample_draft(coder="raw/1"))
    code, log = check(bench)
    assert code == 0 and log.count("::notice file=") == 2
    counted = len(large) + 12
    assert bench.outputs["bytes"] == str(counted) and bench.outputs["budget_left"] == str(16_000_000 - counted)
    assert "| `records/of may/large.golf` |" in bench.summary
    document = json.loads((bench.temp / "golfctl-inspect.json").read_text())
    assert bench.outputs["report"].endswith("golfctl-inspect.json")
    Draft202012Validator(schema_of("inspect-set")).validate(document)
    for one in document["artifacts"]:
        Draft202012Validator(schema_of("inspect")).validate(one)


@pytest.mark.parametrize(
    ("inputs", "content", "code"),
    [
        ({"BUDGET": "5000"}, None, 5),
        ({"FILES": "none/**/*.golf"}, None, 3),
        ({}, POINTER, 3),
        ({}, b"damaged", 4),
        ({"BUDGET": "16MB"}, None, 2),
        ({"VERIFY": "yes"}, None, 2),
        ({"FILES": " \n "}, None, 2),
    ],
)
def test_failures_have_their_code_and_an_annotation(bench, inputs, content, code):
    if content is not None:
        (bench.folder / GOOD).write_bytes(content)
    found, log = check(bench, **inputs)
    assert found == code and "::error " in log
    if "VERIFY" not in inputs and inputs.get("FILES", "x").strip():
        assert bench.outputs["exit_code"] == str(code)


def test_without_a_budget_nothing_is_left_of_it(bench):
    assert check(bench, BUDGET="", VERIFY="false")[0] == 0
    assert bench.outputs["budget_left"] == "" and bench.outputs["bytes"] == str(len(bench.good) + 12)


@pytest.mark.parametrize("text", ["$(touch made)'; touch made; '`touch made`", "--source"])
@pytest.mark.parametrize("name", ["FILES", "BUDGET", "VERIFY", "BASE"])
def test_hostile_inputs_run_nothing(bench, name, text):
    check(bench, **{name: text})
    assert not (bench.folder / "made").exists()


def test_hostile_names_stay_on_their_line(bench):
    (bench.folder / "x\n::error::boo.golf").write_bytes(bench.good)
    (bench.folder / "::set-output name=a::b ##[error].golf").write_bytes(b"damaged")
    code, log = check(bench)
    assert code == 4
    commands = [line for line in log.splitlines() if line.startswith("::")]
    assert len(commands) == 3 and sum(line.startswith("::error file=") for line in commands) == 1
    assert sum("##[" in line for line in commands) <= 1  # in the property of a command, which is read first
    assert not any("##[" in line for line in log.splitlines() if not line.startswith("::"))


def test_base_as_branch_as_file_and_as_what_is_not_there(tmp_path):
    before = write_artifact(tmp_path / "before.golf", sample_draft(coder="raw/1"))
    bench = Bench(tmp_path, before)
    change = f"new − old: {len(bench.good) - len(before):+,} bytes in the file"
    for base in ("base/line", str(tmp_path / "before.golf")):
        code, log = check(bench, BASE=base)
        assert code == 0 and change in log and "::warning" not in log
    assert bench.summary.count(change) == 2
    code, log = check(bench, BASE="no-such-branch")
    assert code == 0 and "::warning title=golfctl::" in log and "no commit 'no-such-branch'" in log


def test_fetching_the_base_never_cuts_a_whole_repository(bench):
    git(bench.folder, "fetch", "--quiet", "--unshallow")
    assert check(bench, BASE="base/line")[0] == 0
    assert not (bench.folder / ".git" / "shallow").exists()
