"""An adapter that runs a seed's evaluation on token files, stage by stage, as its program does.

    python benchmarks/auditing/seed_stack.py MODEL NAME BATCH RANKS FOLDER

Every stage is booked, also where the program throws its scores away before it evaluates again (#1722, #761). The tail
rule is the programs' own: windows that run past the end score the last targets again.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from golfctl.auditing.foreign.posted_scores import PostedScores, ledger_text
from golfctl.auditing.own.evaluation import fresh
from golfctl.evaluation.job import score_tokens
from golfctl.evaluation.scored_model import load_source
from golfctl.scoring.compose import Setting, trainer
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.leaking.hashed_ngram import ReplayTargetKeyed
from golfctl.scoring.neural.sliding import NeuralScorer, WindowForward
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.windows import group_windows, make_block, sliding_windows

SEQ_LEN, STRIDE = 32, 8
WINDOWS = {"seq_len": SEQ_LEN, "stride": STRIDE}
TTT = {"chunk": 64, "lr": 0.02}
STRONG = {"chunk": 64, "lr": 0.1}
KEYED = {"form": "target-keyed", "order": 4, "buckets_log2": 8}
TAIL = {"tail": "reference"}


def shared(steps, lr):
    return [{**TAIL, "ttt": TTT, "slot": {"form": "shared", "steps": steps, "lr": lr}}]


STAGES = {
    "plain": [{}],
    "pr1084": shared(3, 0.1 / 3),  # the programs' own ratio: 3 steps of 1e-3 against 5 of 3e-3
    "pr1128": shared(5, 0.1),
    "pr1150": shared(5, 0.1),
    "pr1128-whole": [{"ttt": TTT, "slot": {"form": "shared", "steps": 5, "lr": 0.1}}],  # no window past the end
    "pr1722": [{**TAIL, "ttt": TTT}, {**TAIL, "slot": {"form": "per-sample", "steps": 8, "lr": 0.1, "bias": True}}],
    "pr761": [{"ttt": TTT}, {"ttt": STRONG, "adapt_then_score": True, "ngram": KEYED}],
}


def stage_config(stage, batch):
    values = {**WINDOWS, **stage, "batch": batch, "allow_leaks": True}
    if "slot" in stage:
        values["slot"] = {**stage["slot"], "batch_windows": batch}
    return EvalConfig.from_dict(values)


def score_stage(model, config, tokens_N, ranks):
    """Scores of one stage; with several ranks, caches that each rank keeps for its own stretch of windows (#761)."""
    device = torch.device("cpu")
    model = fresh(model, config)
    if ranks == 1 or config.ngram is None:
        return score_tokens(model, tokens_N, config, device)
    setting = Setting(model.model, model.vocab_size, SEQ_LEN, len(tokens_N) - 1, device, Ranks())
    training = trainer(config, setting)
    training.reset(tokens_N[:1].astype(np.int64))
    training.history.extend(tokens_N[1:].astype(np.int64))
    training.train_until(training.chunks)
    windows = list(sliding_windows(setting.rows, SEQ_LEN, STRIDE))
    position, nll = [], []
    for share in np.array_split(np.arange(len(windows)), ranks):
        neural = NeuralScorer(WindowForward(model.model, SEQ_LEN, config.batch, device, Ranks()), model.vocab_size)
        scorer = ReplayTargetKeyed(neural, config.ngram, tokens_N.astype(np.int64), config.leaks)
        for group in group_windows((windows[i] for i in share), config.batch, None):
            block = make_block(tokens_N, group, group[0].first, group[-1].stop)
            nll.append(scorer.score(block, tokens_N[block.origin + 1 : block.stop + 1].astype(np.int64)).numpy())
            position.append(np.arange(block.first, block.stop) + 1)
    return PostedScores.of(np.concatenate(position), np.concatenate(nll))


def score(model, name, batch, ranks, tokens_N):
    """The ledger of every stage, one after the other."""
    ledgers = [score_stage(model, stage_config(stage, batch), tokens_N, ranks) for stage in STAGES[name]]
    position = np.concatenate([ledger.position_R for ledger in ledgers])
    return PostedScores.of(position, np.concatenate([ledger.nll_R for ledger in ledgers]))


def main(model_path, name, batch, ranks, folder):
    torch.set_num_threads(1)
    model = load_source(Path(model_path), torch.device("cpu"))
    for path in sorted(Path(folder).glob("*.bin")):
        ledger = score(model, name, int(batch), int(ranks), np.fromfile(path, "<u2"))
        path.with_suffix(".ledger").write_bytes(ledger_text(ledger))


if __name__ == "__main__":
    main(*sys.argv[1:])
