"""Quality against bytes: every scheme a curve, on trained models, with the bars that quantisation answers for.

    python benchmarks/quantisation.py RUN --data DATASET --parts bars,fit,curves --out benchmarks/results/quantisation
    python benchmarks/quantisation.py --out benchmarks/results/quantisation       # page and picture of what is there

Quality is KL(full ‖ packed) in nats per token over held-out (validation) windows, bits per billed byte beside it; bytes
are those of whole artifacts (tokenizer, manifest and provenance included, the same for all). Calibration is on training
text. Baselines carry the coders of the programs they stand for: GPTQ-lite int6 + lzma 6 (PR #549, #1084, #1128, #1150)
and full GPTQ int6 + lzma 9 (PR #1019, embeddings rounded plainly), each with and without its scale floor.

`bars`: each baseline, then entropy-coded quantisation fitted into the baseline's bytes, and at no larger a KL than it
has. `fit`: `pack --fit` and every uniform setting within one budget. `curves`: the picture. What several calls find
gathers in OUT.json; OUT.md and OUT.svg are drawn from it.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from quantisation_page import draw, markdown

from golfctl.core.machine.environment import describe_environment
from golfctl.data.dataset import Dataset
from golfctl.data.tokenizers.byte_table import ByteTable
from golfctl.model.weights.names import load_named_tensors
from golfctl.model.weights.new_model import empty_model
from golfctl.packing.assignment import quantized_parameters
from golfctl.packing.checkpoint import read_checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.fit.fitting import fit
from golfctl.packing.hessians.calibration import model_of
from golfctl.packing.packer import Packer
from golfctl.packing.run_context import run_context
from golfctl.quant import dequantize

LITE = {"quantizer": "gptq-lite", "bits": 6, "bits_embed": 8, "coder": "lzma:6"}
GPTQ = {"quantizer": "gptq", "bits": 6, "bits_embed": 8, "coder": "lzma:9", "feedback_embed": False}
SD = {"quantizer": "gptq", "bits": 8, "bits_embed": 8, "coder": "rans"}
ROWS = {"quantizer": "gptq", "coder": "rans"}
ENTROPY = {"quantizer": "entropy", "coder": "rans"}
FLOOR = {"scale_floor": True}


def sd(k: float) -> dict:
    """SDClip with the steps of PR #1394: 12.85/31 deviations for matrices, 20/127 for embeddings."""
    return {**SD, "clip": f"sd:{k:g}", "clip_embed": f"sd:{0.38 * k:.5g}"}


CURVES = {  # the baselines' own points, at 6 bits, and those of entropy-coded quantisation in `bars` belong to them too
    "GPTQ-lite + lzma 6": [{**LITE, "bits": b} for b in (4, 5)],
    "GPTQ-lite + lzma 6, floor": [{**LITE, **FLOOR, "bits": b} for b in (5, 7)],
    "full GPTQ + lzma 9": [{**GPTQ, "bits": b} for b in (4, 5)],
    "full GPTQ + lzma 9, floor": [{**GPTQ, **FLOOR, "bits": b} for b in (5, 7)],
    "SDClip GPTQ + rans": [sd(k) for k in (20, 40, 80)],
    "round + zlib 9": [
        {"quantizer": "round", "bits": b, "bits_embed": 8, "clip": "max", "coder": "zlib:9"} for b in (5, 8)
    ],
    "entropy + rans": [{**ENTROPY, "loss": loss} for loss in (3e-4, 3e-3, 2e-2)],
}
BASELINES = {
    "GPTQ-lite int6 + lzma 6": LITE,
    "GPTQ-lite int6 + lzma 6, floor": {**LITE, **FLOOR},
    "full GPTQ int6 + lzma 9": GPTQ,
    "full GPTQ int6 + lzma 9, floor": {**GPTQ, **FLOOR},
}


class Judge:
    """KL and bits per byte of packings of one checkpoint, over the same windows."""

    def __init__(self, checkpoint, dataset, tokens: int, length: int, seed: int = 7) -> None:
        validation = dataset.validation()
        ids = np.asarray(validation.tokens_N).astype(np.int64)
        starts = np.random.default_rng(seed).choice(len(ids) - length - 1, math.ceil(tokens / length), replace=False)
        self.ids = torch.from_numpy(np.stack([ids[s : s + length + 1] for s in np.sort(starts)]))
        table = ByteTable.of(dataset.tokenizer)
        self.bytes = int(table.billed(self.ids[:, :-1].numpy(), self.ids[:, 1:].numpy()).sum())
        self.spec = checkpoint.spec
        self.reference = [self._rows(model_of(checkpoint), batch) for batch in self.ids.split(16)]
        self.full = self._judge(lambda batch, rows: rows)

    @torch.no_grad()
    def _rows(self, model, batch):
        return model(batch[:, :-1]).log_softmax(-1)

    def of(self, quantized) -> dict[str, float]:
        model = empty_model(self.spec)
        load_named_tensors(
            model, {n: torch.from_numpy(dequantize(q.scheme, q.shape, q.parts)) for n, q in quantized.items()}
        )
        return self._judge(lambda batch, rows: self._rows(model, batch))

    def _judge(self, predict) -> dict[str, float]:
        kl, nats = 0.0, 0.0
        for batch, rows in zip(self.ids.split(16), self.reference, strict=True):
            found = predict(batch, rows)
            kl += float((rows.exp() * (rows - found)).sum(dtype=torch.float64))
            nats -= float(found.gather(2, batch[:, 1:, None]).sum(dtype=torch.float64))
        return {"kl": kl / self.ids[:, 1:].numel(), "bpb": nats / math.log(2) / self.bytes}


class Bench:
    """One run: a packer calibrated once for every quantizer, and its judge."""

    def __init__(self, run: Path, dataset: Dataset, tokens: int, calibration: str) -> None:
        path = sorted(run.glob("checkpoint-*.safetensors"))[-1]
        self.name = run.name
        self.checkpoint = read_checkpoint(path)
        self.judge = Judge(self.checkpoint, dataset, tokens, int(self.checkpoint.provenance["sequence_length"]))
        config = PackConfig(quantizer="entropy", calibration=calibration)
        self.packer = Packer.prepare(path, self.checkpoint, run_context(path), config, dataset.path)

    def pack(self, settings: dict):
        return self.packer.pack(PackConfig(**settings, budget="none"))

    def point(self, curve: str, settings: dict) -> dict:
        """Pack with `settings` and judge."""
        start = time.perf_counter()
        return self._row(curve, settings, self.pack(settings), start)

    def fitted(self, curve: str, settings: dict, budget: int) -> dict:
        """`pack --fit` to `budget` bytes."""
        start = time.perf_counter()
        packed = fit(self.packer, PackConfig(**settings, fit=True, budget=str(budget)), budget)
        found = packed.config.to_dict()
        shown = {key: found[key] for key in ("loss", "bits", "bits_embed", "clip", "tensors") if found[key]}
        return self._row(curve, {**settings, **shown, "fit": True}, packed, start)

    def uniform(self, curve: str, make, value: float, budget: int) -> dict:
        """The finest common setting make(2^x) that fits: bisection to half a percent of the budget."""
        start, low, high = time.perf_counter(), None, None
        x, best = math.log2(value), None
        for _ in range(9):
            packed = self.pack(make(2**x))
            if packed.counted_bytes <= budget:
                best, high = (make(2**x), packed), x
                if packed.counted_bytes >= 0.998 * budget:
                    break
            else:
                low = x
            x = (low + high) / 2 if low is not None and high is not None else x + (1 if high is None else -1)
        return self._row(curve, best[0], best[1], start)

    def best_bits(self, curve: str, settings: dict, budget: int) -> dict:
        """The best of bits × bits_embed that fits."""
        rows = []
        for bits in (4, 5, 6):
            for bits_embed in (8, 7, 6, 5):
                start, setting = time.perf_counter(), {**settings, "bits": bits, "bits_embed": bits_embed}
                packed = self.pack(setting)
                if packed.counted_bytes <= budget:
                    rows.append(self._row(f"{curve} {bits}/{bits_embed}", setting, packed, start))
                    break
        return {**min(rows, key=lambda row: row["kl"]), "curve": curve}

    def _row(self, curve: str, settings: dict, packed, start: float) -> dict:
        seconds = time.perf_counter() - start
        row = {"curve": curve, "bytes": packed.counted_bytes, **self.judge.of(packed.quantized), "seconds": seconds}
        print(f"{self.name} {curve}: {row['bytes']:,} bytes, KL {row['kl']:.6f}, bpb {row['bpb']:.5f}", flush=True)
        return {**row, "pack": settings}


def bars(bench: Bench) -> list[dict]:
    """At equal KL the estimate asked for is 1.1 of the KL: coarse codes cost less than uniform noise of their step."""
    found = []
    for label, settings in BASELINES.items():
        base = bench.point(label, settings)
        found.append(
            {
                "baseline": base,
                "same_bytes": bench.fitted(f"entropy at bytes of {label}", ENTROPY, base["bytes"]),
                "same_kl": bench.point(f"entropy at KL of {label}", {**ENTROPY, "loss": 1.1 * base["kl"]}),
            }
        )
    return found


def fits(bench: Bench) -> list[dict]:
    """`--fit` against the best uniform setting, at the bytes of full GPTQ int6 + lzma 9 with its floor."""
    budget = bench.pack(BASELINES["full GPTQ int6 + lzma 9, floor"]).counted_bytes
    rows = [
        bench.fitted("--fit (entropy, a step per tensor)", ENTROPY, budget),
        bench.fitted("--fit --quantizer gptq (bits per tensor)", ROWS, budget),
        bench.fitted("--fit --quantizer gptq --clip sd (K per tensor)", sd(40), budget),
        bench.uniform("uniform: entropy, one estimated loss", lambda x: {**ENTROPY, "loss": x}, 1e-3, budget),
        bench.uniform("uniform: SDClip GPTQ, one K", sd, 40, budget),
        bench.best_bits("uniform: GPTQ, best bits and bits_embed", ROWS, budget),
    ]
    return [{**row, "budget": budget} for row in rows]


def curves(bench: Bench) -> list[dict]:
    return [bench.point(curve, setting) for curve, settings in CURVES.items() for setting in settings]


PARTS = {"bars": bars, "fit": fits, "curves": curves}


def measure(arguments, gathered: dict) -> None:
    """Run the parts asked for and write each into OUT.json as soon as it is there."""
    bench = Bench(arguments.run, Dataset.open(arguments.data), arguments.tokens, arguments.calibration)
    judge = bench.judge
    about = {
        "parameters": quantized_parameters(bench.checkpoint.spec),
        "tokens": judge.ids[:, 1:].numel(),
        "calibration": arguments.calibration,
        **judge.full,
    }
    for part in arguments.parts.split(","):
        rows = PARTS[part](bench)
        gathered["runs"].setdefault(bench.name, {}).update({"about": about, part: rows})
        arguments.out.with_suffix(".json").write_text(json.dumps(gathered, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--parts", default="bars,fit,curves")
    parser.add_argument("--tokens", type=int, default=51200)
    parser.add_argument("--calibration", default="train:32768")
    parser.add_argument("--out", type=Path, required=True, help="without suffix")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    stored = arguments.out.with_suffix(".json")
    gathered = json.loads(stored.read_text()) if stored.is_file() else {"runs": {}}
    gathered["environment"] = describe_environment()
    if arguments.run:
        measure(arguments, gathered)
    arguments.out.with_suffix(".md").write_text(markdown(gathered, arguments.out.name))
    draw(gathered, list(CURVES), arguments.out.with_suffix(".svg"))


if __name__ == "__main__":
    main()
