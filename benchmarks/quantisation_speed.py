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
from golfctl.model.build import build_model
from golfctl.model.names import named_tensors, roles_by_name
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.packing.generating import generate
from golfctl.quant import quantize
from golfctl.quant.options import GridOptions, RowOptions
from golfctl.quant.stats import LayerStats


def drawn_stats(rows: int, columns: int, generator: torch.Generator) -> LayerStats:
    def moments(size):
        x = torch.randn(2 * size, size, generator=generator) * torch.rand(size, generator=generator)
        return x.T @ x / len(x)

    return LayerStats(moments(columns), moments(rows) * 1e-6, 2 * columns)


def time_gptq(spec: ModelSpec) -> None:
    generator = torch.Generator().manual_seed(0)
    tensors, roles = named_tensors(build_model(spec, 0)), roles_by_name(spec)
    matrices = {name: tensor for name, tensor in tensors.items() if roles[name] is Role.MATRIX}
    stats = {shape: drawn_stats(*shape, generator) for shape in {tuple(m.shape) for m in matrices.values()}}
    weights = {name: torch.randn(m.shape, generator=generator) * 0.05 for name, m in matrices.items()}
    print(f"{sum(m.numel() for m in matrices.values()):,} weights in {len(matrices)} matrices")
    warm = torch.randn(64, 64, generator=generator)
    quantize("grid/1", warm, drawn_stats(64, 64, generator), GridOptions(step=1e-3))
    schemes = {
        "full GPTQ int6, five percentiles": ("int6-row/1", RowOptions(feedback="gptq")),
        "GPTQ int6, SDClip": ("int6-row/1", RowOptions(feedback="gptq", clip="sd")),
        "grid/1, two-sided": ("grid/1", GridOptions(step=1e-5)),
    }
    for label, (scheme, options) in schemes.items():
        start, work = time.perf_counter(), time.process_time()
        for weight in weights.values():
            quantize(scheme, weight, stats[tuple(weight.shape)], options)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        seconds, cpu = time.perf_counter() - start, time.process_time() - work
        print(f"{label}: {seconds:.1f} s wall, {cpu:.1f} s of processor time, peak {peak:.2f} GiB", flush=True)


def time_generation(spec: ModelSpec, tokens: int, batch: int = 64, repeats: int = 5) -> None:
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
    arguments = parser.parse_args()
    default = "examples/pr549.toml" if arguments.what == "gptq" else "examples/pr549-mini.toml"
    spec = Recipe.load(arguments.recipe or Path(default)).read("model", ModelSpec)
    torch.set_num_threads(1 if arguments.what == "generate" else torch.get_num_threads())
    if arguments.what == "gptq":
        time_gptq(spec)
    else:
        time_generation(spec, arguments.tokens)


if __name__ == "__main__":
    main()
