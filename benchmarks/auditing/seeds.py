"""The seeds' techniques as black boxes behind the adapter, on a small model: which checks fail them.

    python -m benchmarks.auditing.seeds --out benchmarks/results/audit_seeds.json

The model is small and random (16 tokens of vocabulary, two layers): a leak needs no trained model to be one.
"""

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.auditing.seed_stack import WINDOWS, score
from golfctl.auditing.blackbox import FunctionBox
from golfctl.auditing.foreign import slice_text
from golfctl.auditing.own import OwnSource
from golfctl.auditing.plan import Plan
from golfctl.auditing.rules import load_rules
from golfctl.auditing.run import run_audit
from golfctl.auditing.subject import Context, Subject
from golfctl.cli.main import exit_code_of
from golfctl.core.canonical import canonical_json
from golfctl.core.environment import describe_environment
from golfctl.core.files import atomic_write
from golfctl.evaluation.sources import load_source
from golfctl.model.names import named_tensors
from golfctl.packing.checkpoint import Checkpoint, write_checkpoint
from golfctl.scoring.config import EvalConfig
from tests.unit.evaluation.conftest import random_model

VOCAB = 16
CHECKS = "T0,T1,T3,T3r,T8,T10,T12-i"
ADAPTER = Path(__file__).parent / "seed_stack.py"


def audit(folder, name):
    model, tokens, report = folder / "model.safetensors", folder / "val.bin", folder / f"{name}.json"
    command = [f"{sys.executable} {ADAPTER} {model} {name} {batch} {{folder}}" for batch in (4, 1)]
    exit_code_of([
        "audit", "--scorer-cmd", command[0], "--variant-cmd", command[1], "--source-model", str(model),
        "--seq-len", "32", "--stride", "8",
        "--tokens", str(tokens), "--vocab", str(VOCAB), "--seed", "7", "--tokens-per-text", "160", "--cuts", "20",
        "--positions", "2", "--only", CHECKS, "--report", str(report), "--quiet",
    ])  # fmt: skip
    return {f["id"]: [f["verdict"], f["value"], f["detail"]] for f in json.loads(report.read_text())["findings"]}


def audit_in_process(folder, name):
    """The same checks on the same stages without a process for each call: quicker, and no trace."""
    model = load_source(folder / "model.safetensors", torch.device("cpu"))
    boxes = [FunctionBox(name, VOCAB, partial(score, model, name, batch)) for batch in (4, 1)]
    plan = Plan.from_dict({"seed": 7, "text_tokens": 160, "mass_tokens": 160, "cuts": 20, "mass_positions": 2})
    text_N, rest_M = slice_text(np.fromfile(folder / "val.bin", "<u2"), plan, "val.bin")
    source = OwnSource(model, EvalConfig.from_dict(WINDOWS), torch.device("cpu"))
    subject = Subject(name, boxes[0], text_N, rest_M, {"batch 1": boxes[1]}, source)
    report = run_audit(subject, Context(plan, load_rules()), only=CHECKS.split(","))
    return {f.id: [f.verdict.value, f.value, f.detail] for f in report.findings}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="*", default=["plain", "pr1128", "pr1722", "pr761"])
    parser.add_argument("--in-process", action="store_true", help="Call the stages directly: no process for each call.")
    args = parser.parse_args()
    found, run = {}, audit_in_process if args.in_process else audit
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = random_model(vocab_size=VOCAB, layers=2, dim=16)
        write_checkpoint(folder / "model.safetensors", Checkpoint(model.spec, named_tensors(model)))
        rng = np.random.default_rng(3)
        phrases = [rng.integers(2, VOCAB, size=rng.integers(3, 9)) for _ in range(9)]
        text_N = np.concatenate([phrases[i] for i in rng.integers(0, 9, 120)])
        (folder / "val.bin").write_bytes(text_N.astype("<u2").tobytes())
        for seed in args.only:
            found[seed] = run(folder, seed)
            print(seed, *(f"{check} {row[0]}" for check, row in found[seed].items()), sep=" | ", flush=True)
    if args.out:
        atomic_write(
            args.out,
            canonical_json({"environment": describe_environment(), "findings": found, "in_process": args.in_process})
            + b"\n",
        )


if __name__ == "__main__":
    main()
