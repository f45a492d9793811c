"""The two parts of `benchmarks/evaluation.py` that drive the program of PR #549: sliding evaluation and its training.

Both sides score the same whole windows of one steady stretch of text (every window scores its last `stride` rows), in
the same batches, from the same weights. Ours is the product's path: scorer, runner's float64 renormalisation, ledger.
Each side has a process of its own, as each program has, and works while the other waits.
"""

import multiprocessing
import statistics
from argparse import Namespace
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import reference_549
import torch
from clocks import clock_of, own_kernel

from golfctl.core.canonical import sha256_file
from golfctl.core.machine.allocator import keep_freed_memory
from golfctl.core.recipe import Recipe
from golfctl.evaluation.ledger import Ledger
from golfctl.evaluation.runner import book
from golfctl.model.network import LanguageModel
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.new_model import build_model
from golfctl.scoring.compose import Setting, compose
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.protocol import Block, Scorer
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.windows import blocks, group_windows, sliding_windows

STRIDE = 64
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


Job = Callable[[], float]
"""One repetition; returns the mean nats of the rows it scored."""


def model_of(dtype: torch.dtype, recipe: Path) -> LanguageModel:
    """The recipe's model, no weight of it zero; the same in every process."""
    model = build_model(Recipe.load(recipe, []).read("model", ModelSpec), 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.01 * torch.randn(parameter.shape, generator=generator)
    model.eval().requires_grad_(False)
    model.set_compute_dtype(dtype if dtype == torch.bfloat16 else None)
    return model


def windows(tokens_N: np.ndarray, seq_len: int, first: int, count: int, batch: int) -> list[Block]:
    """Blocks of `count` whole windows, the first of which scores row `first` on."""
    found = [w for w in sliding_windows(len(tokens_N) - 1, seq_len, STRIDE) if w.first >= first][:count]
    assert len(found) == count and all(w.stop - w.first == STRIDE for w in found)
    return list(blocks(tokens_N, group_windows(iter(found), batch, None)))


def starts_of(todo: list[Block]) -> list[int]:
    """First inputs of the windows."""
    return [w.start for block in todo for w in block.windows]


def scorer_of(o: Namespace, tokens_N: np.ndarray, **table: Any) -> Any:
    """Ours, as `golfctl eval` composes it."""
    config = EvalConfig.from_dict({"seq_len": o.seq_len, "stride": STRIDE, "batch": o.windows, **table}, "eval")
    device = torch.device(o.device)
    model = model_of(DTYPES[o.dtype], o.recipe).to(device)
    return compose(config, Setting(model, model.spec.vocab_size, o.seq_len, len(tokens_N) - 1, device, Ranks()))


def score(scorer: Scorer, tokens_N: np.ndarray, todo: list[Block]) -> float:
    """Mean nats of the blocks' rows; each block is observed after it was booked."""
    ledger = Ledger(len(tokens_N) - 1)
    ledger.booked = todo[0].first
    for block in todo:
        targets_R = tokens_N[block.first + 1 : block.stop + 1]
        nll_R, _ = book(scorer.predict(block), targets_R, block.first, scorer.vocab_size)
        ledger.append(block.first, nll_R)
        scorer.observe(block, targets_R)
    return ledger.nats / (todo[-1].stop - todo[0].first)


def reference_of(o: Namespace, tokens_N: np.ndarray) -> reference_549.Evaluation:
    """The record's evaluation of the same model."""
    module = reference_549.load(o.peer, reference_549.sdpa if o.device == "cpu" else own_kernel)
    dtype, device = DTYPES[o.dtype], torch.device(o.device)
    ours = model_of(dtype, o.recipe)
    model = reference_549.model_of(module, ours, dtype)
    vocab = ours.spec.vocab_size
    evaluation = reference_549.Evaluation(module, model, tokens_N, dtype, vocab, device, o.peer_compiles)
    evaluation.warm(o.seq_len)
    return evaluation


def sliding_job(side: str, tokens_N: np.ndarray, o: Namespace) -> Job:
    """One batch of windows."""
    tokens_N = tokens_N[: o.seq_len + (o.windows + 2) * STRIDE]
    todo = windows(tokens_N, o.seq_len, o.seq_len + STRIDE, o.windows, o.windows)
    if side == "ours":
        scorer = scorer_of(o, tokens_N)
        return lambda: score(scorer, tokens_N, todo)
    reference = reference_of(o, tokens_N)
    return lambda: reference.sliding(starts_of(todo), o.seq_len, STRIDE)


def ttt_job(side: str, tokens_N: np.ndarray, o: Namespace) -> Job:
    """The second of three chunks: scored, then trained on."""
    length, chunk = o.seq_len, o.chunk or o.seq_len
    tokens_N = tokens_N[: 3 * chunk + 1]
    todo = windows(tokens_N, length, chunk, chunk // STRIDE, o.windows)
    if side == "ours":
        scorer = scorer_of(o, tokens_N, ttt={"chunk": chunk, "epochs": o.epochs})

        def ours() -> float:
            scorer.reset(tokens_N[:1])
            scorer.trainer.history.extend(tokens_N[1 : chunk + 1])
            scorer.trainer.chunk = 1
            return score(scorer, tokens_N, todo)

        return ours
    reference = reference_of(o, tokens_N)
    weights = {name: t.clone() for name, t in reference.model.state_dict().items()}
    settings = {
        "ttt_chunk_tokens": chunk, "ttt_lr": 0.002, "ttt_epochs": o.epochs, "ttt_freeze_blocks": 0,
        "ttt_momentum": 0.9, "ttt_batch_seqs": 32, "ttt_grad_clip": 1.0,
    }  # fmt: skip

    def theirs() -> float:
        reference.model.load_state_dict(weights)
        return reference.ttt(starts_of(todo), length, STRIDE, o.windows, settings)

    return theirs


JOBS = {"sliding": sliding_job, "ttt": ttt_job}


def work(pipe: Connection, part: str, side: str, tokens_N: np.ndarray, o: Namespace) -> None:
    """A side's process: a repetition whenever asked for; answers with its nats and its seconds."""
    torch.set_num_threads(1)
    if side == "ours":
        keep_freed_memory()  # as `golfctl eval` does
    job, now = JOBS[part](side, tokens_N, o), clock_of(torch.device(o.device))
    while pipe.recv():
        begin = now()
        nats = job()
        pipe.send((nats, now() - begin))


def bench_peer(part: str, tokens_N: np.ndarray, o: Namespace) -> dict[str, Any]:
    """Both sides in turns, each going first every other time, after one round that does not count."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    for side in ("ours", "reference"):
        pipes[side], theirs = context.Pipe()
        processes.append(context.Process(target=work, args=(theirs, part, side, tokens_N, o), daemon=True))
        processes[-1].start()
    seconds: dict[str, list[float]] = {side: [] for side in pipes}
    nats = {}
    for turn in range(o.repeats + 1):
        for side in pipes if turn % 2 else reversed(pipes):
            pipes[side].send(True)
            nats[f"{side}_nats"], spent = pipes[side].recv()
            seconds[side].append(spent)
    for side, process in zip(pipes, processes, strict=True):
        pipes[side].send(False)
        process.join()
    return {**_ratios(seconds), **nats, **_facts(part, o)}


def _ratios(seconds: dict[str, list[float]]) -> dict[str, float]:
    ratios = [r / o for o, r in zip(seconds["ours"][1:], seconds["reference"][1:], strict=True)]
    medians = {f"{side}_s": statistics.median(s[1:]) for side, s in seconds.items()}
    return {"ratio": statistics.median(ratios), "least_ratio": min(ratios), "largest_ratio": max(ratios), **medians}


def _facts(part: str, o: Namespace) -> dict[str, Any]:
    rows = o.chunk or o.seq_len if part == "ttt" else o.windows * STRIDE
    chunk = {"chunk": rows, "epochs": o.epochs} if part == "ttt" else {}
    return chunk | {
        "rows": rows, "device": o.device, "recipe": o.recipe.name, "peer_compiles": o.peer_compiles,
        "dtype": o.dtype, "seq_len": o.seq_len, "stride": STRIDE, "windows_per_batch": o.windows, "peer": "PR #549",
        "peer_sha256": sha256_file(o.peer / "train_gpt.py"), "repeats": o.repeats,
        "shims": reference_549.EVALUATION_SHIMS,
    }  # fmt: skip
