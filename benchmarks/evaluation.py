"""How fast evaluation's parts are, as ratios taken side by side in one run; and what counts are worth.

    python benchmarks/evaluation.py [count] [mix] [slot] [--data DIR] [--repeats 5]
    python benchmarks/evaluation.py sliding ttt --peer FOLDER [--dtype bfloat16] [--seq-len 2048] [--device cuda]
    python benchmarks/evaluation.py ngram --artifact M.GOLF --data DIR [--documents 32]

`count`: exact counts of orders 1 … 8 (contexts of 0 … 7 tokens), and of 1 … 7, against the hashed numpy tables of the
seeds (orders 2 … 8 and, as in the record, 2 … 7; 2^22 buckets), looked up and updated window by window as PR #761 does,
and in chunks of 32,768 tokens; ratios are to the same highest order unless they say otherwise. `mix`: the gated
geometric mixture against log-softmax plus a float64 logsumexp of the same rows. `slot`: causal SLOT with 5 steps
against plain sliding. `sliding` and `ttt`: the evaluation of PR #549's program (FOLDER holds its `train_gpt.py`)
against ours, same weights, windows, dtype and threads, on the model of `--recipe`; `ttt` is one chunk scored and
trained on for 3 epochs; their ratios are medians of paired ratios (reference / ours), each side in a process of its
own. `ngram`: see `evaluation_ngram.py`; figures are bits per byte.

What is compared within one process shares its allocator: that of `golfctl eval`, which keeps freed memory, or with
`--allocator libc` the C library's own settings, under which large blocks cost page faults on both sides.

Repeats are interleaved; medians of the process's own CPU seconds (one thread) are printed, so that a shared machine
does not count, with one JSON line at the end.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from evaluation_ngram import bench_ngram
from evaluation_peer import bench_peer

from golfctl.core.machine.allocator import keep_freed_memory
from golfctl.core.machine.environment import describe_environment
from golfctl.data.dataset import Dataset
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.new_model import build_model
from golfctl.scoring.config import MixConfig, NgramConfig, SlotConfig
from golfctl.scoring.counts.context_counts import ContextCounts
from golfctl.scoring.leaking.hashed_ngram import TargetKeyedCache
from golfctl.scoring.mixing.geometric import GeometricMix
from golfctl.scoring.neural.sliding import NeuralScorer, WindowForward
from golfctl.scoring.neural.slot import SlotScorer
from golfctl.scoring.protocol import Block, Window
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.windows import blocks, group_windows, sliding_windows

CPU = torch.device("cpu")
PR549 = Path(__file__).parents[1] / "examples" / "pr549.toml"
VOCAB = 1024


def text_like(count: int) -> np.ndarray:
    """Zipf tokens with repeated phrases: contexts of every length come back."""
    rng = np.random.default_rng(0)
    weight_V = 1 / np.arange(1, VOCAB + 1)
    tokens_N = rng.choice(VOCAB, size=count, p=weight_V / weight_V.sum())
    for _ in range(count // 60):
        length = int(rng.integers(5, 40))
        source, target = rng.integers(0, count - length, 2)
        tokens_N[target : target + length] = tokens_N[source : source + length]
    return tokens_N.astype(np.int64)


def interleaved(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each job, taken in turns after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(repeats + 1):
        for name, job in jobs.items():
            begin = time.process_time()
            job()
            if turn:
                seconds[name].append(time.process_time() - begin)
    return {name: statistics.median(values) for name, values in seconds.items()}


def bench_count(tokens_N: np.ndarray, repeats: int) -> dict[str, float]:
    """Tokens per second of counting, ours and the seeds', and the seeds' seconds over ours."""
    tokens = len(tokens_N)

    def exact(order: int) -> None:
        ContextCounts(order - 1, VOCAB, (order * tokens).bit_length() - 1).count(tokens_N, 1)

    def seeds(step: int, order: int) -> None:
        cache = TargetKeyedCache(NgramConfig(form="target-keyed", order=order))
        for begin in range(1, tokens, step):
            position_R = np.arange(begin, min(begin + step, tokens))
            cache.lookup(tokens_N, position_R)
            cache.update(tokens_N, position_R)

    jobs: dict[str, Callable[[], object]] = {}
    for order in (8, 7):
        jobs |= {
            f"exact_to_{order}": partial(exact, order),
            f"chunks_to_{order}": partial(seeds, 32_768, order),
            f"windows_to_{order}": partial(seeds, 64, order),
        }
    found = interleaved(jobs, repeats)
    ratios = {f"ratio_{way}_to_{n}": found[f"{way}_to_{n}"] / found[f"exact_to_{n}"]
              for way in ("chunks", "windows") for n in (8, 7)}  # fmt: skip
    across = {"ratio_chunks_to_7_over_exact_to_8": found["chunks_to_7"] / found["exact_to_8"]}
    return {f"{name}_tokens_per_s": tokens / seconds for name, seconds in found.items()} | ratios | across


class _Table:
    """Rows made beforehand."""

    vocab_size, barrier_rows, gates = VOCAB, None, 7

    def __init__(self, rows_RV: torch.Tensor, gate_R: np.ndarray) -> None:
        self.rows_RV, self.gate_R = rows_RV, gate_R

    def reset(self, prefix_N: np.ndarray) -> None:
        pass

    def predict(self, block: Block) -> torch.Tensor:
        return self.rows_RV

    def observe(self, block: Block, targets_R: np.ndarray) -> None:
        pass


def bench_mix(rows: int, repeats: int) -> dict[str, float]:
    """Rows per second of mixing two tables, against turning logits into scores."""
    generator = torch.Generator().manual_seed(0)
    logits_RV = 3 * torch.randn(rows, VOCAB, generator=generator)
    gate_R = np.random.default_rng(0).integers(0, 7, rows)
    tables = [_Table(torch.log_softmax(logits_RV[torch.randperm(rows)], -1), gate_R) for _ in range(2)]
    mix = GeometricMix(tables, MixConfig(), CPU)  # type: ignore[arg-type]
    block = Block(0, np.random.default_rng(1).integers(0, VOCAB, rows), (Window(0, 0, rows),), 0, rows)

    def score() -> None:
        torch.logsumexp(torch.log_softmax(logits_RV, -1).double(), -1)

    found = interleaved({"mix": lambda: mix.predict(block), "score": score}, repeats)
    return {"mix_rows_per_s": rows / found["mix"], "score_rows_per_s": rows / found["score"],
            "relative_speed": found["score"] / found["mix"]}  # fmt: skip


def bench_slot(repeats: int, dtype: torch.dtype | None = None) -> dict[str, float]:
    """Seconds of one batch of 4 windows of 1,024: causal SLOT with 5 steps over plain sliding, 11 × 512 model."""
    spec = {"layers": 11, "feed_forward": {"hidden": 1536, "slope": 0.5}}
    model = build_model(ModelSpec.from_dict(spec), 0).eval().requires_grad_(False)
    model.set_compute_dtype(dtype)
    forward = WindowForward(model, 1024, 4, CPU, Ranks())
    tokens_N = text_like(4_000)
    groups = group_windows(sliding_windows(3_999, 1024, 64), 4, None)
    block = list(blocks(tokens_N, groups))[3]
    plain, slot = NeuralScorer(forward, VOCAB), SlotScorer(forward, VOCAB, SlotConfig(steps=5))
    found = interleaved({"plain": lambda: plain.predict(block), "slot": lambda: slot.predict(block)}, repeats)
    return {"plain_s": found["plain"], "slot_s": found["slot"], "ratio": found["slot"] / found["plain"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", default=["count", "mix", "slot"])
    parser.add_argument("--data", type=Path, help="Dataset folder whose validation tokens are counted.")
    parser.add_argument("--tokens", type=int, default=600_000, help="Made-up tokens where there is no --data.")
    parser.add_argument("--rows", type=int, default=4_096)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--artifact", type=Path, help="Model whose mixture with counts is measured, for `ngram`.")
    parser.add_argument("--documents", type=int, default=32, help="Documents of the data, for `ngram`.")
    parser.add_argument("--sampled", type=int, default=8_192, help="Tokens that the model writes, for `ngram`.")
    parser.add_argument("--order", type=int, default=7, help="Order of the counts, for `ngram`.")
    parser.add_argument("--peer", type=Path, help="Folder of PR #549's train_gpt.py, for `sliding` and `ttt`.")
    parser.add_argument("--recipe", type=Path, default=PR549, help="The model, for `sliding` and `ttt`.")
    parser.add_argument("--device", default="cpu", help="For `sliding` and `ttt`.")
    parser.add_argument("--peer-compiles", action="store_true", help="PR #549's sliding evaluation compiles, as there.")
    parser.add_argument("--epochs", type=int, default=3, help="Of training on the chunk, for `ttt`.")
    parser.add_argument("--chunk", type=int, help="Tokens of a chunk, for `ttt`; default: --seq-len.")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--seq-len", type=int, default=2048)
    parser.add_argument("--windows", type=int, default=4, help="Windows of a batch.")
    parser.add_argument("--allocator", choices=["kept", "libc"], default="kept", help="Of what shares one process.")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.allocator == "kept":
        keep_freed_memory()
    tokens_N = text_like(options.tokens)
    if options.data:
        tokens_N = Dataset.open(options.data).validation().tokens_N.astype(np.int64)
    jobs = {
        "count": lambda: bench_count(tokens_N, options.repeats),
        "mix": lambda: bench_mix(options.rows, options.repeats),
        "slot": lambda: bench_slot(options.repeats),
        "sliding": lambda: bench_peer("sliding", tokens_N, options),
        "ttt": lambda: bench_peer("ttt", tokens_N, options),
        "ngram": lambda: bench_ngram(options),
    }
    if not options.peer and {"sliding", "ttt"} & set(options.parts):
        parser.error("sliding and ttt need --peer FOLDER")
    if not (options.artifact and options.data) and "ngram" in options.parts:
        parser.error("ngram needs --artifact M.GOLF and --data DIR")
    results = {}
    for part in options.parts:
        results[part] = jobs[part]()
        figures = {k: round(v, 4) for k, v in results[part].items() if isinstance(v, float)}
        print(part, figures, flush=True)
    print(json.dumps({"results": results, "environment": describe_environment()}))


if __name__ == "__main__":
    main()
