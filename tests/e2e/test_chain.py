"""The whole chain through the command line, from an empty folder."""

import json
import os
import subprocess
import sys

import pytest

from tests.e2e.conftest import golfctl
from tests.patience import HANG_SECONDS

pytestmark = pytest.mark.slow


def the_run(chain):
    (run,) = (chain / "runs").iterdir()
    return run


def test_the_three_commands_leave_a_run_an_artifact_and_a_report(chain):
    run = the_run(chain)
    assert {"recipe.toml", "journal.jsonl", "tokenizer.model", "model.golf"} <= {p.name for p in run.iterdir()}
    report = json.loads((chain / "eval.json").read_text())
    assert report["honest"] is True
    assert 0 < report["val_bpb"] < 8 and report["val_bpb_stderr"] > 0
    assert report["raw_bytes"] == report["billed_bytes"] > 30_000
    assert {"load", "score", "adapt", "total"} == set(report["seconds"])
    assert {"bytes", "causal", "normalised", "score_first", "single_pass"} == set(report["properties"])


def test_the_receipts_continue_one_chain(chain):
    from golfctl.core.journal import read_journal

    kinds = [record.kind for record in read_journal(the_run(chain) / "journal.jsonl").records]
    assert kinds[0] != "pack" and kinds.index("pack") < kinds.index("eval")


def test_packing_twice_with_other_hash_seeds_gives_the_same_bytes(chain, tmp_path, shared_cache):
    files = []
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.golf"
        golfctl("pack", the_run(chain), "-o", path, "--bits", "6", "--lzma", "9", cwd=tmp_path,
                env={**shared_cache, "PYTHONHASHSEED": seed})  # fmt: skip
        files.append(path.read_bytes())
    assert files[0] == files[1] == (the_run(chain) / "model.golf").read_bytes()


def test_int6_costs_less_than_two_hundredths_of_a_bit(chain, shared_cache):
    checkpoint = sorted(the_run(chain).glob("checkpoint-*.safetensors"))[-1]
    golfctl("eval", checkpoint, "--report", "full.json", cwd=chain, env=shared_cache)
    full, packed = (json.loads((chain / name).read_text())["val_bpb"] for name in ("full.json", "eval.json"))
    assert abs(packed - full) < 0.02


def test_fast_and_strict_evaluation_agree(chain, shared_cache):
    short = ("--set", "eval.max_tokens=1500")
    for name, flags in (("fast", ()), ("strict", ("--strict",))):
        golfctl("eval", *short, *flags, "--report", f"{name}.json", cwd=chain, env=shared_cache)
    fast, strict = (json.loads((chain / f"{n}.json").read_text()) for n in ("fast", "strict"))
    assert fast["tokens"] == strict["tokens"]
    assert abs(fast["val_loss"] - strict["val_loss"]) < 1e-5


def test_inspect_accounts_for_every_byte_and_holds_budgets(chain):
    artifact = the_run(chain) / "model.golf"
    report = json.loads(golfctl("inspect", artifact, "--json", cwd=chain).stdout)
    assert sum(row["bytes"] for row in report["ledger"] if row["where"] == "file") == artifact.stat().st_size
    golfctl("inspect", artifact, "--budget", artifact.stat().st_size, "--verify", cwd=chain)
    done = golfctl("inspect", artifact, "--budget", artifact.stat().st_size - 1, cwd=chain, expect=5)
    assert f"{artifact.stat().st_size:,}" in done.stderr


def test_two_ranks_train_and_evaluate(chain, shared_cache, tmp_path):
    def torchrun(*arguments):
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "golfctl"]
        done = subprocess.run(
            [sys.executable, *launch, *map(str, arguments)],
            cwd=tmp_path, capture_output=True, text=True, timeout=HANG_SECONDS, env={**os.environ, **shared_cache},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]

    torchrun("train", "--steps", 3, "--out", "runs/two")
    artifact = the_run(chain) / "model.golf"
    torchrun("eval", artifact, "--set", "eval.max_tokens=2000", "--report", "two.json")
    golfctl("eval", artifact, "--set", "eval.max_tokens=2000", "--report", "one.json", cwd=tmp_path, env=shared_cache)
    one, two = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("one", "two"))
    assert one["tokens"] == two["tokens"] and one["raw_bytes"] == two["raw_bytes"]
    assert abs(one["val_loss"] - two["val_loss"]) < 1e-9
