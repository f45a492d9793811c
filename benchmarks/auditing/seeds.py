"""The seeds' techniques as black boxes behind the adapter, on a small model: which checks fail them.

    python -m benchmarks.auditing.seeds --out benchmarks/results/audit_seeds.json

The model is small and random (16 tokens of vocabulary, two layers): a leak needs no trained model to be one. Every
call runs in a process of its own, which is given token files and nothing else.
"""

import argparse
import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.auditing.seed_stack import SEQ_LEN, STRIDE, WINDOWS, score
from golfctl.auditing.blackbox import FunctionBox
from golfctl.auditing.foreign.command import CommandBox
from golfctl.auditing.foreign.subject_of_command import slice_text
from golfctl.auditing.own.evaluation import OwnSource
from golfctl.auditing.plan import Plan
from golfctl.auditing.rules import load_rules
from golfctl.auditing.run import run_audit
from golfctl.auditing.subject import AuditContext, Subject
from golfctl.cli.main import exit_code_of
from golfctl.core.canonical import canonical_json
from golfctl.core.files import atomic_write
from golfctl.core.machine.environment import describe_environment
from golfctl.evaluation.scored_model import load_source
from golfctl.model.weights.names import named_tensors
from golfctl.packing.checkpoint import Checkpoint, write_checkpoint
from golfctl.scoring.config import EvalConfig
from tests.tiny_stream import random_model

VOCAB = 16
CHECKS = "T0,T1,T3,T3r,T8,T10,T12-i"
ADAPTER = Path(__file__).parent / "seed_stack.py"
SEEDS = ("plain", "pr1084", "pr1128", "pr1150", "pr1722", "pr761")
AS_AUDITED, VARIANTS = (4, 1), ((1, 1), (4, 2))  # windows at once, ranks

# what the programs' code says of each check (docs/audit.md); T8 joins its two ledger rows
EXPECTED = {
    "plain": {"T1": "pass", "T3": "pass", "T3r": "pass", "T8": "pass", "T10": "pass", "T12-i": "pass"},
    **{
        name: {"T1": "fail", "T3": "fail", "T3r": "pass", "T8": "warn", "T10": "fail", "T12-i": "fail"}
        for name in ("pr1084", "pr1128", "pr1150")
    },
    "pr1722": {"T1": "fail", "T3": "fail", "T3r": "fail", "T8": "fail", "T10": "warn", "T12-i": "fail"},
    "pr761": {"T1": "fail", "T3": "fail", "T3r": "fail", "T8": "fail", "T10": "fail", "T12-i": "fail"},
}


def command(folder, name, batch, ranks):
    return f"{sys.executable} {ADAPTER} {folder / 'model.safetensors'} {name} {batch} {ranks} {{folder}}"


def audit(folder, name):
    report = folder / f"{name}.json"
    variants = [word for variant in VARIANTS for word in ("--variant-cmd", command(folder, name, *variant))]
    exit_code_of([
        "audit", "--scorer-cmd", command(folder, name, *AS_AUDITED), *variants,
        "--source-model", str(folder / "model.safetensors"), "--seq-len", str(SEQ_LEN), "--stride", str(STRIDE),
        "--tokens", str(folder / "val.bin"), "--vocab", str(VOCAB), "--seed", "7", "--tokens-per-text", "160",
        "--cuts", "20", "--positions", "4", "--only", CHECKS, "--report", str(report), "--quiet",
    ])  # fmt: skip
    return {f["id"]: [f["verdict"], f["value"], f["detail"]] for f in json.loads(report.read_text())["findings"]}


def audit_in_process(folder, name, probe_seed=7, checks=CHECKS):
    """The same checks on the same stages without a process for each call: quicker, and no trace."""
    model = load_source(folder / "model.safetensors", torch.device("cpu"))
    boxes = [FunctionBox(name, VOCAB, partial(score, model, name, *how)) for how in (AS_AUDITED, *VARIANTS)]
    plan = Plan.from_dict({"seed": probe_seed, "text_tokens": 160, "mass_tokens": 160, "cuts": 20, "mass_positions": 4})
    text_N, rest_M = slice_text(np.fromfile(folder / "val.bin", "<u2"), plan, "val.bin")
    source = OwnSource(model, EvalConfig.from_dict(WINDOWS), torch.device("cpu"))
    variants = {"variant 1": boxes[1], "variant 2": boxes[2]}
    subject = Subject(name, boxes[0], text_N, rest_M, variants=variants, source=source)
    report = run_audit(subject, AuditContext(plan, load_rules()), only=checks.split(","))
    return {f.id: [f.verdict.value, f.value, f.detail] for f in report.findings}


def mass_at_full_window(folder, name):
    """Z of the last target of texts that end where a whole window ends, suffix removed: the case of note 1."""
    text_N = np.fromfile(folder / "val.bin", "<u2")
    masses = []
    for position in (SEQ_LEN + 5 * STRIDE, SEQ_LEN + 9 * STRIDE):
        texts = [np.append(text_N[:position], v).astype(np.uint16) for v in range(VOCAB)]
        ledgers = CommandBox(command(folder, name, *AS_AUDITED), VOCAB).score(texts)
        masses.append(float(sum(np.exp(-ledger.claimed(position + 1)[position]) for ledger in ledgers)))
    return masses


def lay_out(folder):
    """The model and the text that every stack is given."""
    model = random_model(vocab_size=VOCAB, layers=2, dim=16)
    write_checkpoint(folder / "model.safetensors", Checkpoint(model.spec, named_tensors(model)))
    rng = np.random.default_rng(3)
    phrases = [rng.integers(2, VOCAB, size=rng.integers(3, 9)) for _ in range(9)]
    text_N = np.concatenate([phrases[i] for i in rng.integers(0, 9, 120)])
    (folder / "val.bin").write_bytes(text_N.astype("<u2").tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="*", default=list(SEEDS), choices=SEEDS)
    parser.add_argument("--known-source", type=int, metavar="N", help="T12-i alone, over N probe seeds, in process.")
    parser.add_argument("--in-process", action="store_true", help="Call the stages directly: no process for each call.")
    args = parser.parse_args()
    result = {"findings": {}, "differs": {}, "seconds": {}, "in_process": args.in_process, "full_window_mass": [],
              "known_source": {}}  # fmt: skip
    if args.out and args.out.exists():  # stack by stage: what is there already stays
        known = json.loads(args.out.read_text())
        result |= {key: known[key] for key in result if known.get("in_process") == args.in_process and key in known}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder)
        for seed in args.only if args.known_source else ():
            probed = range(1, 1 + args.known_source)
            found = [audit_in_process(folder, seed, probe, "T12-i")["T12-i"][1] for probe in probed]
            result["known_source"][seed] = found
            print(seed, "T12-i", " ".join(f"{value:.2f}" for value in found), flush=True)
        for seed in () if args.known_source else args.only:
            started = time.monotonic()
            found = (audit_in_process if args.in_process else audit)(folder, seed)
            result["findings"][seed], result["seconds"][seed] = found, round(time.monotonic() - started, 1)
            differs = {c: [v, found[c][0]] for c, v in EXPECTED[seed].items() if found[c][0] != v}
            result["differs"][seed] = differs
            print(seed, *(f"{c} {row[0]}" for c, row in found.items()), f"differs: {differs}", sep=" | ", flush=True)
        if not result["full_window_mass"]:
            result["full_window_mass"] = mass_at_full_window(folder, "pr1128-whole")
            print("mass at full windows", result["full_window_mass"], flush=True)
    if args.out:
        atomic_write(args.out, canonical_json({"environment": describe_environment(), **result}) + b"\n")


if __name__ == "__main__":
    main()
