"""The part `ngram` of `benchmarks/evaluation.py`: what counts are worth beside a model, and what they cost in vain.

On a model's held-out text: the default mixture's gain over plain sliding, against that of (1 − a) p + a q with the one
weight a that is best in hindsight for this very text. On the same tokens in random order, where there is nothing to
repeat: the mixture's loss (below zero: the frequencies of tokens can be counted all the same, and the model lost them).
On text that the model itself wrote, window by window as it is scored, so that each row is the truth and nothing can
help: the mixture's loss, in bits per byte at the bytes a token of the held-out text. R rows, V vocabulary.
"""

import math
from argparse import Namespace
from typing import Any

import numpy as np
import torch

from golfctl.core.machine.allocator import keep_freed_memory
from golfctl.data.dataset import Dataset
from golfctl.evaluation.runner import BlockPlan, book
from golfctl.evaluation.scored_model import ScoredModel, load_source
from golfctl.evaluation.stream import Stream
from golfctl.scoring.compose import Setting, compose
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.windows import sliding_windows

STRIDE, BATCH = 128, 16
CPU = torch.device("cpu")


def bench_ngram(o: Namespace) -> dict[str, Any]:
    """Gains and costs in bits per raw byte."""
    keep_freed_memory()
    source, stream = load_source(o.artifact, CPU), Stream.of(Dataset.open(o.data)).head(o.documents)
    per_bit = math.log(2) * stream.carried_bytes
    plain_R, counts_R, mixed_R = nats(source, stream.tokens_N, o.order)
    weight, linear = best_linear(plain_R, counts_R)
    shuffled_N = np.random.default_rng(0).permutation(stream.tokens_N)
    plain_shuffled_R, _, mixed_shuffled_R = nats(source, shuffled_N, o.order)
    plain_own_R, _, mixed_own_R = nats(source, written(source, o.sampled, int(stream.tokens_N[0])), o.order)
    own_bytes = len(plain_own_R) / len(plain_R) * stream.carried_bytes
    return {
        "plain_bpb": float(plain_R.sum()) / per_bit,
        "counts_alone_bpb": float(counts_R.sum()) / per_bit,
        "mixture_gain_bpb": float((plain_R - mixed_R).sum()) / per_bit,
        "best_linear_gain_bpb": (float(plain_R.sum()) - linear) / per_bit,
        "best_linear_weight": weight,
        "shuffled_cost_bpb": float((mixed_shuffled_R - plain_shuffled_R).sum()) / per_bit,
        "self_written_cost_bpb": float((mixed_own_R - plain_own_R).sum()) / (math.log(2) * own_bytes),
        "self_written_nats_a_token": float(plain_own_R.mean()), "self_written_tokens": len(plain_own_R),
        "tokens": len(plain_R), "documents": len(stream.starts_D), "order": o.order, "artifact_sha256": source.sha256,
        "text": stream.digest,
    }  # fmt: skip


def nats(source: ScoredModel, tokens_N: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nats [R] of the model, of the counts, and of their default mixture."""
    seq_len = source.seq_len or 1024
    config = EvalConfig.from_dict({"seq_len": seq_len, "stride": STRIDE, "batch": BATCH, "ngram": {"order": order}})
    rows = len(tokens_N) - 1
    mixture: Any = compose(config, Setting(source.model, source.vocab_size, seq_len, rows, CPU, Ranks()))
    made: dict[str, torch.Tensor] = {}
    for name, scorer in zip(("plain", "counts"), mixture.scorers, strict=True):
        scorer.predict = _kept(scorer.predict, made, name)
    mixture.reset(tokens_N[:1].astype(np.int64))
    found: dict[str, list[np.ndarray]] = {"plain": [], "counts": [], "mixed": []}
    for block in BlockPlan(rows, seq_len, STRIDE, BATCH).blocks(tokens_N, None):
        targets_R = tokens_N[block.first + 1 : block.stop + 1].astype(np.int64)
        made["mixed"] = mixture.predict(block)
        for name, booked in found.items():
            booked.append(book(made[name], targets_R, block.first, source.vocab_size)[0])
        mixture.observe(block, targets_R)
    plain_R, counts_R, mixed_R = (np.concatenate(booked) for booked in found.values())
    return plain_R, counts_R, mixed_R


@torch.no_grad()
def written(source: ScoredModel, count: int, first: int) -> np.ndarray:
    """`count` targets sampled from the model after the token `first`, each from the row that scores it."""
    seq_len = source.seq_len or 1024
    generator = torch.Generator().manual_seed(0)
    tokens, written_to = [first], 0
    for window in sliding_windows(count, seq_len, STRIDE):
        cache = source.model.start_cache(1, seq_len)
        for i in range(window.start, window.stop):
            logits_BV = source.model.step(torch.tensor([tokens[i]]), cache)
            if i >= written_to:
                p_V = torch.softmax(logits_BV[0].double(), dim=-1)
                tokens.append(int(torch.multinomial(p_V, 1, generator=generator)))
        written_to = window.stop
    return np.array(tokens, np.uint16)


def _kept(predict: Any, made: dict[str, torch.Tensor], name: str) -> Any:
    def kept(block: Any) -> torch.Tensor:
        made[name] = predict(block)
        return made[name]

    return kept


def best_linear(plain_R: np.ndarray, counts_R: np.ndarray) -> tuple[float, float]:
    """The best weight of the counts in steps of 0.005, and its nats in all."""
    p_R, q_R = np.exp(-plain_R), np.exp(-counts_R)
    totals = {a: -float(np.log((1 - a) * p_R + a * q_R).sum()) for a in np.arange(0, 200) / 200}
    return min(totals.items(), key=lambda item: item[1])
