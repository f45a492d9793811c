"""The frame of benchmarks/gpu.sh: what runs again, what a stopped part leaves, the summary, what a machine lacks."""

import copy
import json
import signal
import subprocess
import sys

import jsonschema
import pytest

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu import machine as machines
from benchmarks.gpu import record, summary
from benchmarks.gpu.missing import lacks, missing
from benchmarks.gpu.options import ROOT, read
from benchmarks.gpu.report import Report
from benchmarks.gpu.runner import run_part, under_limit
from benchmarks.gpu.table import PARTS, Part
from tests.patience import FOREVER_SECONDS, HANG_SECONDS, Witness, growing_limits, until

NAMES = tuple(part.name for part in PARTS)
MACHINE = {
    "python": "3.11", "cores": 2, "processor": "a processor", "free_bytes": 10**12, "compiler": "gcc",
    "python_headers": True, "triton": True, "pytest": True, "golfctl": "0.1.0", "flash3_missing": "",
    "torch": "2.13.0+cu130", "cuda": "13.0", "nccl": True,
    "devices": [{"name": "NVIDIA H100 80GB HBM3", "memory_bytes": 85 * 10**9, "capability": "9.0"}] * 2,
}  # fmt: skip


def quiet(line):
    pass


def found(part="doctor", status="passed", **changes):
    return {
        "identity": {"part": part, "commit": "abc", "device": "2 × H100", "torch": "2.13", "arguments": {"dry": "no"}},
        "what": "w", "command": "c", "status": status, "reason": "", "seconds": 1.0, "limit_seconds": 540.0,
        "machine": {}, "checks": [], "figures": {}, **changes,
    }  # fmt: skip


def test_a_result_stands_only_for_the_same_code_device_torch_and_arguments(tmp_path):
    record.write(tmp_path, found())
    kept = record.read(tmp_path, "doctor")
    assert record.stands(kept, found()["identity"])
    for key in ("commit", "device", "torch"):
        assert not record.stands(kept, found()["identity"] | {key: "another"})
    assert not record.stands(kept, found()["identity"] | {"arguments": {"dry": "no", "peer": "f00"}})
    for status in record.STATUSES[1:]:
        assert not record.stands(found(status=status), found()["identity"])
    (tmp_path / "doctor.json").write_text('{"identity": ')
    assert record.read(tmp_path, "doctor") is None and record.read(tmp_path, "train") is None


def fake_part(monkeypatch, tmp_path, code, name="doctor"):
    """`name` runs `code` with `report` and `options` in a child process."""
    (tmp_path / "fake_part.py").write_text(f"import os, sys, time\n\ndef run(options, report):\n    {code}\n")
    child = tmp_path / "child.py"
    child.write_text(
        "import sys, types\n"
        f"sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path)!r}]\n"
        "import fake_part\n"
        "sys.modules['benchmarks.gpu.parts.fake'] = fake_part\n"
        "from benchmarks.gpu import child\n"
        f"child.PARTS = (child.PARTS[0]._replace(name={name!r}, module='fake'), *child.PARTS[1:])\n"
        "sys.exit(child.main(sys.argv[1:]))\n"
    )
    start = subprocess.Popen

    def popen(words, **options):
        return start([sys.executable, str(child), *words[3:]], **options)

    monkeypatch.setattr("benchmarks.gpu.runner.subprocess.Popen", popen)
    options = read(["--dry", "--out", str(tmp_path / "out")], NAMES)
    return Part(name, "fake", "a fake"), options


def test_a_part_that_runs_out_of_time_leaves_what_it_had(monkeypatch, tmp_path):
    """Without waiting for its children: a hang here is a failure."""
    code = f"report.figure('early', 1); os.fork() or time.sleep({FOREVER_SECONDS}); time.sleep({FOREVER_SECONDS})"
    part, options = fake_part(monkeypatch, tmp_path, code)
    for limit_s in growing_limits():
        seen = []
        result = run_part(part, options, limit_s, seen.append)
        assert result["status"] == "timed out" and f"stopped after {limit_s:g} s" in result["reason"]
        if result["figures"]:
            break
    assert result["figures"] == {"early": 1} and any("early" in line for line in seen)


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("report.at_most('x', 1.0, 2.0)", "passed", ""),
        ("report.at_most('x', 3.0, 2.0); report.at_most('y', 1.0, 2.0)", "failed", "x"),
        ("report.at_most('x', float('nan'), 2.0)", "failed", "x"),
        ("report.figure('x', 1); raise ValueError('no such kernel')", "broken", "ValueError: no such kernel"),
        ("report.figure('x', 1); os.abort()", "broken", "ended with -6"),
        ("pass", "broken", ""),
        ("report.absent('fa3', 'not installed')", "not here", "fa3 not installed"),
    ],
)
def test_how_a_part_ends(monkeypatch, tmp_path, code, status, reason):
    part, options = fake_part(monkeypatch, tmp_path, code)
    result = run_part(part, options, HANG_SECONDS, quiet)
    assert result["status"] == status and reason in result["reason"]
    jsonschema.validate(found() | result, record.SCHEMA)


def test_nothing_of_a_stopped_part_is_left(tmp_path):
    """The process's own children are ended, too, and one that ignores SIGTERM is killed."""
    code = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "end = os.open(sys.argv[1], os.O_WRONLY)\n"
        "os.write(end, b'parent ' if os.fork() else b'child ')\n"
        f"time.sleep({FOREVER_SECONDS})\n"
    )
    with Witness(tmp_path / "pipe") as witness:
        for limit_s in growing_limits():
            ended = under_limit([sys.executable, "-c", code, str(witness.path)], limit_s, quiet, grace_s=0.1)
            assert ended.code is None
            until(witness.nobody_left)
            if set(witness.said.split()) == {b"child", b"parent"}:
                break


def test_a_skipped_part_says_so_and_again_runs_it(monkeypatch, tmp_path, capsys):
    calls = []

    def run(part, options, limit_s, say):
        calls.append(part.name)
        return {"status": "passed", "reason": "", "seconds": 1.0, "limit_seconds": limit_s, "checks": [], "figures": {}}

    monkeypatch.setattr(gpu, "run_part", run)
    monkeypatch.setattr(machines, "ask", lambda: copy.deepcopy(MACHINE))
    words = ["--out", str(tmp_path), "--part", "doctor", "--part", "10"]
    assert gpu.main(words) == 0 and calls == ["doctor"]
    assert record.read(tmp_path, "ttt-beside")["status"] == "not here"
    assert gpu.main(words) == 0 and calls == ["doctor"]
    assert "doctor: skipped, its result is there" in capsys.readouterr().err
    assert gpu.main([*words, "--again"]) == 0 and calls == ["doctor"] * 2
    monkeypatch.setattr(machines, "commit", lambda: "another")
    assert gpu.main(words) == 0 and calls == ["doctor"] * 3
    jsonschema.validate(record.read(tmp_path, "doctor"), record.SCHEMA)
    jsonschema.validate(record.read(tmp_path, "ttt-beside"), record.SCHEMA)


@pytest.mark.parametrize(("status", "code"), [("failed", 6), ("broken", 1), ("timed out", 1), ("not here", 0)])
def test_the_exit_code_and_that_the_other_parts_still_run(monkeypatch, tmp_path, status, code):
    ran = []

    def run(part, options, limit_s, say):
        ran.append(part.name)
        mine = status if part.name == "kernels" else "passed"
        return {"status": mine, "reason": "", "seconds": 1.0, "limit_seconds": limit_s, "checks": [], "figures": {}}

    monkeypatch.setattr(gpu, "run_part", run)
    monkeypatch.setattr(machines, "ask", lambda: copy.deepcopy(MACHINE))
    assert gpu.main(["--out", str(tmp_path)]) == code
    assert ran == [part.name for part in PARTS if "peer" not in part.needs]


def test_the_summary_has_every_part_and_every_fault(tmp_path):
    checks = [
        {"name": "sdpa | bf16", "verdict": "failed", "note": "rms", "value": 3.0, "bound": 2.0},
        {"name": "fa3 bfloat16", "verdict": "not here", "note": "flash_attn_interface: it is not installed"},
        {"name": "math", "verdict": "passed", "note": "", "value": 1.0, "bound": 2.0},
    ]
    record.write(tmp_path, found("kernels", "failed", checks=checks, reason="sdpa"))
    record.write(tmp_path, found("train", figures={"main": {"tokens/s": 1234567.8, "MFU": 0.41234, "loss": None}}))
    text = summary.write(tmp_path).read_text(encoding="utf-8")
    assert "2 × H100; torch 2.13; commit abc" in text
    for part in NAMES:
        assert f" {part} |" in text
    assert "| **failed** | 1 of 2, 1 not here |" in text and "tokens/s 1,234,568; MFU 0.4123; loss None" in text
    assert "* kernels, sdpa \\| bf16: failed 3.0 > 2.0. rms" in text
    assert "* kernels, fa3 bfloat16: not here. flash_attn_interface: it is not installed" in text
    assert "| not run |" in text and "math: passed" not in text


def test_a_bare_machine_is_told_what_it_lacks(tmp_path):
    options = read(["--out", str(tmp_path)], NAMES)
    assert [each.what for each in missing(MACHINE, options)] == ["--peer"]
    for changes, what, fatal in [
        ({"torch": None}, "torch", True),
        (
            {"golfctl": None, "flash3_missing": None, "golfctl_missing": "No module named 'numpy'"},
            "No module named 'numpy'",
            True,
        ),
        ({"cuda": None, "devices": []}, "CUDA in torch", True),
        ({"devices": []}, "a GPU that torch sees", True),
        ({"triton": False}, "triton", False),
        ({"compiler": None}, "a C compiler", False),
        ({"python_headers": False}, "Python.h", False),
        ({"flash3_missing": "it is not installed"}, "FlashAttention-3", False),
        ({"nccl": False}, "NCCL", False),
        ({"pytest": False}, "pytest", False),
        ({"free_bytes": 10**9}, "room", False),
    ]:
        first = missing(MACHINE | changes, options)[0]
        assert what in first.what and first.fatal is fatal and first.advice
    parts = {part.name: part for part in PARTS}
    one_gpu = MACHINE | {"devices": MACHINE["devices"][:1]}
    assert "this machine has 1" in lacks(parts["ranks"], one_gpu, options) and not lacks(
        parts["ranks"], MACHINE, options
    )
    assert "needs triton" in lacks(parts["train"], MACHINE | {"triton": False}, options)
    assert "needs --peer" in lacks(parts["train-beside"], MACHINE, options)


def test_nothing_runs_where_the_essentials_are_missing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(machines, "ask", lambda: MACHINE | {"cuda": None, "devices": [], "torch": "2.13.0+cpu"})
    assert gpu.main(["--out", str(tmp_path / "out")]) == 3
    assert "missing: CUDA in torch 2.13.0+cpu" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--part", "14"], "parts 1 to 12"),
        (["--part", "sliding"], "sliding-beside"),
        (["--peer", "nowhere"], "train_gpt.py"),
        (["--data", "nowhere"], "no such folder"),
        (["--dry", "--out", str(ROOT / "benchmarks" / "results" / "gpu")], "give another --out"),
    ],
)
def test_contradictions_are_refused(words, message, capsys):
    with pytest.raises(SystemExit) as ended:
        read(words, NAMES)
    assert ended.value.code == 2 and message in capsys.readouterr().err


def test_paths_are_relative_to_where_the_user_stood_and_stay_out_of_results(monkeypatch, tmp_path):
    (tmp_path / "peer").mkdir()
    (tmp_path / "peer" / "train_gpt.py").write_text("")
    monkeypatch.setenv("GPU_SH_FROM", str(tmp_path))
    options = read(["--peer", "peer/train_gpt.py", "--out", "out"], NAMES)
    assert options.peer == tmp_path / "peer" and options.out == tmp_path / "out"
    assert options.command("train-beside") == "benchmarks/gpu.sh --part train-beside --peer PEER"
    before = options.identity(("peer",))
    (tmp_path / "peer" / "train_gpt.py").write_text("changed")
    assert options.identity(("peer",)) != before and options.identity(()) == {"dry": "False"}


def test_a_result_holds_no_path_of_the_machine(tmp_path):
    options = read(["--out", str(tmp_path)], NAMES)
    checks = [{"name": "x", "verdict": "broken", "note": f"{ROOT}/golfctl/model.py, {options.out}/x"}]
    record.write(tmp_path, found(checks=checks), options.hidden())
    assert record.read(tmp_path, "doctor")["checks"][0]["note"] == "./golfctl/model.py, OUT/x"


def test_code_without_git_is_known_by_its_contents(monkeypatch, tmp_path):
    (tmp_path / "golfctl").mkdir()
    (tmp_path / "golfctl" / "a.py").write_text("one")
    monkeypatch.setattr(machines, "ROOT", tmp_path)
    before = machines.commit()
    assert before.startswith("tree-") and machines.commit() == before
    (tmp_path / "golfctl" / "a.py").write_text("two")
    assert machines.commit() != before


def test_a_report_names_what_is_absent_once_and_has_no_nan(tmp_path):
    report = Report(tmp_path / "r.json")
    for _ in range(3):
        report.absent("fa3", "not installed")
    report.figure("mfu", {"ours": float("nan"), "all": [1.0, float("inf")]})
    saved = json.loads((tmp_path / "r.json").read_text())
    assert len(saved["checks"]) == 1 and saved["figures"] == {"mfu": {"ours": None, "all": [1.0, None]}}


def test_help_comes_from_the_head_of_the_script():
    done = subprocess.run([ROOT / "benchmarks" / "gpu.sh", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for option in ("--peer FOLDER", "--parity DIR", "--data DIR", "--out DIR", "--part N|NAME", "--again", "--dry"):
        assert option in done.stdout
    assert "set -e" not in done.stdout and "Exit code" in done.stdout


@pytest.mark.slow
def test_a_terminated_run_ends_its_part(tmp_path):
    script = [ROOT / "benchmarks" / "gpu.sh", "--dry", "--part", "models", "--out", str(tmp_path)]
    process = subprocess.Popen(script, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    for line in process.stderr:
        if "models:" in line:
            break
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 130 and "the same line goes on from here" in said
