"""The whole of benchmarks/gpu.sh on the CPU at mini size: every part, its file, the summary, and going on."""

import json
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest

from benchmarks.gpu import record
from benchmarks.gpu.table import PARTS

ROOT = Path(__file__).parents[2]


def gpu(*words, expect=0):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [ROOT / "benchmarks" / "gpu.sh", *map(str, words)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == expect, done.stderr[-6000:]
    return done


@pytest.mark.slow
def test_the_dry_form_runs_every_part_and_goes_on(tmp_path):
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "benchmarks" / "results").rglob("*")}
    out = tmp_path / "results"
    done = gpu("--dry", "--out", out)
    for part in PARTS:
        found = json.loads((out / f"{part.name}.json").read_text(encoding="utf-8"))
        jsonschema.validate(found, record.SCHEMA)
        beside = "peer" in part.needs
        assert found["status"] == ("not here" if beside else "passed"), (part.name, found["reason"])
        assert "needs --peer" in found["reason"] if beside else "main" in found["figures"]
        assert f" {part.name} | {'**not here**' if beside else 'passed'} |" in done.stdout
    assert done.stdout == (out / "summary.md").read_text(encoding="utf-8")
    assert "missing: --peer" in done.stderr.split("[1/")[0]
    again = gpu("--dry", "--out", out)
    skipped = [line for line in again.stderr.splitlines() if "skipped, its result is there" in line]
    assert len(skipped) == len([part for part in PARTS if "peer" not in part.needs])
    assert before == {path: path.stat().st_mtime_ns for path in (ROOT / "benchmarks" / "results").rglob("*")}


@pytest.mark.slow
def test_a_gpu_is_asked_for_where_there_is_none(tmp_path):
    import torch

    if torch.cuda.device_count():
        pytest.skip("there is one")
    done = gpu("--out", tmp_path / "results", expect=3)
    assert done.stderr.startswith("missing: ") and "or try --dry" in done.stderr and not (tmp_path / "results").exists()
