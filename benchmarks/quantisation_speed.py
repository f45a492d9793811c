"""How long quantising takes: GPTQ and grid/1 of the 11-layer seed model, and self-generation against plain decoding.

    python benchmarks/quantisation_speed.py gptq [--recipe examples/pr549.toml]
    python benchmarks/quantisation_speed.py generate [--recipe examples/pr549-mini.toml] [--tokens 512]

`gptq` draws weights and Hessians (they are given, not collected) and prints wall-clock seconds and peak memory; both
depend on the machine. `generate` prints a ratio: seconds per token of calibration text that the model writes itself
over those of the same model's batched KV-cache decode with given tokens, interleaved, the median of the repeats.
"""

import argparse
import resource
import statistics
import time
from pathlib import Path

import torch

from golfctl.core.recipe import Recipe
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import named_tensors, roles_by_name
from golfctl.model.weights.new_model import build_model
from golfctl.packing.assignment import assign
from golfctl.packing.checkpoint import Checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.hessians.generating import generate
from golfctl.packing.quantising import quantize_tensors
from golfctl.quant import quantize
from golfctl.quant.scheme_options import GridOptions
from golfctl.quant.stats import LayerStats

CONFIGS = {
    "full GPTQ int6, five percentiles, embeddings int8": {"quantizer": "gptq"},
    "full GPTQ int6, SDClip": {"quantizer": "gptq", "clip": "sd:12.85", "clip_embed": "sd:20"},
    "grid/1, two-sided": {"quantizer": "entropy"},
}


def drawn_stats(rows: int, columns: int, generator: torch.Generator) -> LayerStats:
    def moments(size):
        x = torch.randn(2 * size, size, generator=generator) * torch.rand(size, generator=generator)
        return x.T @ x / len(x)

    return LayerStats(moments(columns), moments(rows) * 1e-6, 2 * columns)


def time_gptq(spec: ModelSpec) -> None:
    """Every tensor of the model, as `golfctl pack` quantises it."""
    generator, tensors = torch.Generator().manual_seed(0), named_tensors(build_model(spec, 0))
    roles = roles_by_name(spec)
    weights = {n: t if roles[n] is Role.GAIN else torch.randn(t.shape, generator=generator) * 0.05
               for n, t in tensors.items()}  # fmt: skip
    shapes = {tuple(weights[name].shape) for name in weights if roles[name] is not Role.GAIN}
    by_shape = {shape: drawn_stats(*shape, generator) for shape in sorted(shapes)}
    stats = {n: by_shape[tuple(w.shape)] for n, w in weights.items() if roles[n] is not Role.GAIN}
    print(f"{sum(w.numel() for w in weights.values()):,} weights in {len(weights)} tensors")
    quantize("grid/1", torch.randn(64, 64, generator=generator), drawn_stats(64, 64, generator), GridOptions(step=1e-3))
    checkpoint = Checkpoint(spec, weights)
    for label, config in CONFIGS.items():
        start, work = time.perf_counter(), time.process_time()
        quantize_tensors(checkpoint, assign(spec, PackConfig(**config)), stats)
        seconds, cpu = time.perf_counter() - start, time.process_time() - work
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{label}: {seconds:.1f} s wall, {cpu:.1f} s of processor time, peak {peak:.2f} GiB", flush=True)


def time_generation(spec: ModelSpec, tokens: int, batch: int = 64, *, repeats: int) -> None:
    model = build_model(spec, 0).eval()
    given = torch.randint(0, spec.vocab_size, (batch, tokens))

    @torch.no_grad()
    def plain() -> None:
        cache = model.start_cache(batch, tokens)
        for t in range(tokens - 1):
            model.step(given[:, t], cache)

    seconds: dict[str, list[float]] = {"self": [], "plain": []}
    for _ in range(repeats):
        for name, work in (("plain", plain), ("self", lambda: generate(model, batch, tokens, 0, batch))):
            start = time.process_time()
            work()
            seconds[name].append(time.process_time() - start)
    ratio = statistics.median(a / b for a, b in zip(seconds["self"], seconds["plain"], strict=True))
    print(f"self-generated over plain KV decode, {batch} × {tokens} tokens: {ratio:.3f} (median of {repeats})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["gptq", "generate"])
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    default = "examples/pr549.toml" if arguments.what == "gptq" else "examples/pr549-mini.toml"
    spec = Recipe.load(arguments.recipe or Path(default)).read("model", ModelSpec)
    torch.set_num_threads(1 if arguments.what == "generate" else torch.get_num_threads())
    if arguments.what == "gptq":
        time_gptq(spec)
    else:
        time_generation(spec, arguments.tokens, repeats=arguments.repeats)


if __name__ == "__main__":
    main()
