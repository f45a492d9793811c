"""An adapter that runs a seed's evaluation on token files, stage by stage, as its program does.

    python benchmarks/auditing/seed_stack.py MODEL NAME BATCH FOLDER

Every stage is booked, also where the program throws its scores away before it evaluates again (#1722, #761).
"""

import sys
from pathlib import Path

import numpy as np
import torch

from golfctl.auditing.ledger import Ledger, ledger_text
from golfctl.auditing.own import fresh
from golfctl.evaluation.evaluate import score_tokens
from golfctl.evaluation.sources import load_source
from golfctl.scoring.config import EvalConfig

WINDOWS = {"seq_len": 32, "stride": 8}
TTT = {"chunk": 64, "lr": 0.02}
STRONG = {"chunk": 64, "lr": 0.1}
KEYED = {"form": "target-keyed", "order": 4, "buckets_log2": 8}
STAGES = {
    "plain": [{}],
    "pr1128": [{"ttt": TTT, "slot": {"form": "shared", "steps": 5, "lr": 0.05}}],
    "pr1722": [{"ttt": TTT}, {"slot": {"form": "per-sample", "steps": 8, "lr": 0.1, "bias": True}}],
    "pr761": [{"ttt": TTT}, {"ttt": STRONG, "adapt_then_score": True, "ngram": KEYED}],
}


def stage_config(stage, batch):
    values = {**WINDOWS, **stage, "batch": batch, "allow_leaks": True}
    if "slot" in stage and stage["slot"]["form"] == "shared":
        values["slot"] = {**stage["slot"], "batch_windows": batch}
    return EvalConfig.from_dict(values)


def score(model, name, batch, tokens_N):
    """The ledger of every stage, one after the other."""
    device = torch.device("cpu")
    configs = [stage_config(stage, batch) for stage in STAGES[name]]
    ledgers = [score_tokens(fresh(model, config), tokens_N, config, device) for config in configs]
    position = np.concatenate([ledger.position_R for ledger in ledgers])
    return Ledger.of(position, np.concatenate([ledger.nll_R for ledger in ledgers]))


def main(model_path, name, batch, folder):
    torch.set_num_threads(1)
    model = load_source(Path(model_path), torch.device("cpu"))
    for path in sorted(Path(folder).glob("*.bin")):
        ledger = score(model, name, int(batch), np.fromfile(path, "<u2"))
        path.with_suffix(".ledger").write_bytes(ledger_text(ledger))


if __name__ == "__main__":
    main(*sys.argv[1:])
