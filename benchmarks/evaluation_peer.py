"""The two parts of `benchmarks/evaluation.py` that drive the program of PR #549: sliding evaluation and its training.

Both sides score the same whole windows of one steady stretch of text (every window scores its last `stride` rows), in
the same batches, from the same weights. Ours is the product's path: scorer, runner's float64 renormalisation, ledger.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import reference_549
import torch

from golfctl.core.canonical import sha256_file
from golfctl.core.recipe import Recipe
from golfctl.evaluation.ledger import Ledger
from golfctl.evaluation.runner import bank
from golfctl.model.build import build_model
from golfctl.model.network import LanguageModel
from golfctl.model.spec import ModelSpec
from golfctl.scoring.compose import Setting, compose
from golfctl.scoring.config import EvalConfig
from golfctl.scoring.protocol import Scorer
from golfctl.scoring.ranks import Ranks
from golfctl.scoring.windows import blocks, group_windows, sliding_windows

RECIPE = Path(__file__).parents[1] / "examples" / "pr549.toml"
STRIDE = 64
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Pair:
    """Our model and the reference's, with equal weights, none of them zero."""

    def __init__(self, folder: Path, tokens_N: np.ndarray, options: Any) -> None:
        self.options, self.tokens_N, self.dtype = options, tokens_N, DTYPES[options.dtype]
        self.ours = self._model()
        module = reference_549.load(folder)
        self.reference = reference_549.Evaluation(
            module, reference_549.model_of(module, self.ours, self.dtype), tokens_N, self.dtype, self.spec.vocab_size
        )
        self.reference.warm(options.seq_len)

    def _model(self) -> LanguageModel:
        self.spec = Recipe.load(RECIPE, []).read("model", ModelSpec)
        model = build_model(self.spec, 0)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.01 * torch.randn(parameter.shape, generator=generator)
        model.eval().requires_grad_(False)
        model.set_compute_dtype(self.dtype if self.dtype == torch.bfloat16 else None)
        return model

    def scorer(self, **table: Any) -> Scorer:
        """Ours, as `golfctl eval` composes it."""
        config = {"seq_len": self.options.seq_len, "stride": STRIDE, "batch": self.options.windows, **table}
        rows = len(self.tokens_N) - 1
        setting = Setting(self.ours, self.spec.vocab_size, self.options.seq_len, rows, torch.device("cpu"), Ranks())
        return compose(EvalConfig.from_dict(config, "eval"), setting)

    def windows(self, first: int, count: int) -> list[Any]:
        """Blocks of `count` whole windows, the first of which scores row `first` on."""
        rows = len(self.tokens_N) - 1
        found = [w for w in sliding_windows(rows, self.options.seq_len, STRIDE) if w.first >= first][:count]
        assert len(found) == count and all(w.stop - w.first == STRIDE for w in found)
        return list(blocks(self.tokens_N, group_windows(iter(found), self.options.windows, None)))

    def ours_score(self, scorer: Scorer, todo: list[Any]) -> float:
        """Mean nats of the blocks' rows; each is observed after it was booked."""
        ledger = Ledger(len(self.tokens_N) - 1)
        ledger.booked = todo[0].first
        for block in todo:
            targets_R = self.tokens_N[block.first + 1 : block.stop + 1]
            nll_R, _ = bank(scorer.predict(block), targets_R, block.first, self.spec.vocab_size)
            ledger.append(block.first, nll_R)
            scorer.observe(block, targets_R)
        return ledger.nats / (todo[-1].stop - todo[0].first)


def paired(ours: Callable[[], float], reference: Callable[[], float], repeats: int) -> dict[str, Any]:
    """Both in turns, the first going second next time, after one round that does not count."""
    seconds: dict[str, list[float]] = {"ours": [], "reference": []}
    nats: dict[str, float] = {}
    for turn in range(repeats + 1):
        order = [("ours", ours), ("reference", reference)]
        for name, job in order if turn % 2 else reversed(order):
            begin = time.process_time()
            nats[name] = job()
            seconds[name].append(time.process_time() - begin)
    ratios = [r / o for o, r in zip(seconds["ours"][1:], seconds["reference"][1:], strict=True)]
    medians = {f"{name}_s": statistics.median(s[1:]) for name, s in seconds.items()}
    spread = {"least_ratio": min(ratios), "largest_ratio": max(ratios)}
    return {"ratio": statistics.median(ratios), **spread, **medians, **{f"{n}_nats": v for n, v in nats.items()}}


def bench_sliding(folder: Path, tokens_N: np.ndarray, options: Any) -> dict[str, Any]:
    """One batch of windows."""
    pair = Pair(folder, tokens_N[: options.seq_len + (options.windows + 2) * STRIDE], options)
    todo, scorer = pair.windows(options.seq_len + STRIDE, options.windows), pair.scorer()
    starts = [w.start for w in todo[0].windows]
    found = paired(
        lambda: pair.ours_score(scorer, todo),
        lambda: pair.reference.sliding(starts, options.seq_len, STRIDE),
        options.repeats,
    )
    return {**found, **_facts(folder, options)}


def bench_ttt(folder: Path, tokens_N: np.ndarray, options: Any) -> dict[str, Any]:
    """The second of three chunks of `seq_len` tokens: scored, then trained on."""
    length, epochs = options.seq_len, 3
    pair = Pair(folder, tokens_N[: 3 * length + 1], options)
    todo = pair.windows(length, length // STRIDE)
    starts = [w.start for block in todo for w in block.windows]
    scorer: Any = pair.scorer(ttt={"chunk": length, "epochs": epochs})
    known_N = pair.tokens_N[: length + 1].astype(np.int64)
    weights = {name: t.clone() for name, t in pair.reference.model.state_dict().items()}
    settings = {
        "ttt_chunk_tokens": length, "ttt_lr": 0.002, "ttt_epochs": epochs, "ttt_freeze_blocks": 0, "ttt_momentum": 0.9,
        "ttt_batch_seqs": 32, "ttt_grad_clip": 1.0,
    }  # fmt: skip

    def ours() -> float:
        scorer.reset(known_N[:1])
        scorer.trainer.history.extend(known_N[1:])
        scorer.trainer.chunk = 1
        return pair.ours_score(scorer, todo)

    def reference() -> float:
        pair.reference.model.load_state_dict(weights)
        return pair.reference.ttt(starts, length, STRIDE, options.windows, settings)

    return {**paired(ours, reference, options.repeats), "chunk": length, "epochs": epochs, **_facts(folder, options)}


def _facts(folder: Path, options: Any) -> dict[str, Any]:
    return {
        "dtype": options.dtype, "seq_len": options.seq_len, "stride": STRIDE, "windows_per_batch": options.windows,
        "peer": "PR #549", "peer_sha256": sha256_file(folder / "train_gpt.py"), "repeats": options.repeats,
        "shims": reference_549.EVALUATION_SHIMS,
    }  # fmt: skip
