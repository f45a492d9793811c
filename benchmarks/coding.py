"""Lossless coding of quantised weights: every coder on the same codes, side information counted, round trips checked.

    python benchmarks/coding.py CHECKPOINT [CHECKPOINT…] [--no-tools] [--no-speed] [--out results.md]

CHECKPOINT is a golfctl checkpoint; matrices are those of role matrix, embeddings and heads the others above 4,096
entries. `torch.save` writes one dict of all codes in memory (no scales, so that every row holds the same information),
compressed as one stream; other coders take one tensor at a time. H0 is the order-0 entropy per tensor, without the
cost of its table. zpaq and lrzip are run where they are installed, on one file of all codes. Seconds are wall clock
on whatever machine this is: their order matters, not their size. Prints Markdown.
"""

import argparse
import io
import json
import lzma
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from golfctl.coding import accepts, decode, encode, parse_coder
from golfctl.model.weights.names import roles_by_name
from golfctl.packing.checkpoint import read_checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.pack import pack
from golfctl.quant import quantize
from golfctl.quant.scheme_options import RowOptions

SETS = {
    "matrices, int6, std-clipped (k = 12.85)": ("matrix", "int6-row/1", "sd:12.85"),
    "matrices, int6, percentile-clipped": ("matrix", "int6-row/1", "percentile"),
    "embeddings, int8, std-clipped (k = 20)": ("embedding", "int8-row/1", "sd:20"),
}
CODERS = (
    "zlib:9",
    "zlib:9,strategy=huffman",
    "lzma:9",
    "lzma:9,extreme=true,lc=0,pb=0",
    "lzma:9,extreme=true,lc=4,pb=0",
    "lzma:9,layout=transposed",
    "zstd:16",
    "zstd:22",
    "brotli:11",
    "brotli:11,layout=transposed",
    "rans",
    "rans-lp",
)
TOOLS = {
    "zpaq -m5": (["zpaq", "a", "{out}", "{in}", "-m5"], ".zpaq", ["zpaq", "x", "{out}", "-to", "{back}", "-f"]),
    "lrzip -z -L9": (["lrzip", "-z", "-L9", "-T", "-q", "-o", "{out}", "{in}"], ".lrz",
                     ["lrzip", "-d", "-q", "-f", "-o", "{back}", "{out}"]),
}  # fmt: skip
PACKINGS = ("lzma:9", "zstd:22", "brotli:11", "rans", "auto")


class Row(NamedTuple):
    name: str
    bytes: float
    encode_seconds: float | None = None
    decode_seconds: float | None = None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", nargs="*", type=Path)
    parser.add_argument("--no-tools", action="store_true")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--speed-only", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    choice = parser.parse_args()
    if choice.speed_only:
        return print(json.dumps(speed()))
    lines = [f"Machine: {os.cpu_count()} CPUs, {platform.machine()}; Python {platform.python_version()}."]
    for path in choice.checkpoints:
        lines += report(path, tools=not choice.no_tools)
    if not choice.no_speed:
        lines += speed_report()
    text = "\n".join(lines) + "\n"
    print(text)
    if choice.out:
        choice.out.write_text(text, encoding="utf-8")
    return None


def report(path, tools):
    """All tables of one checkpoint."""
    checkpoint = read_checkpoint(path)
    label = f"{path.parent.name}/{path.name}"
    loss = held_out(path)
    lines = ["", f"## {label}: step {checkpoint.step}{loss}"]
    encode("rans/1", np.zeros((2, 2), np.int8))  # compiled once, outside the timings
    for title, (kind, scheme, clip) in SETS.items():
        codes = quantised(checkpoint, kind, scheme, clip)
        rows = measure(codes, tools)
        lines += ["", f"### {title}: {sum(a.size for a in codes.values()):,} codes in {len(codes)} tensors", ""]
        lines += table(rows, sum(a.size for a in codes.values()))
    return lines + whole_files(path)


def held_out(path):
    journal = path.parent / "journal.jsonl"
    if not journal.is_file():
        return ""
    records = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    losses = [record["body"]["loss"] for record in records if record["kind"] == "train.log"]
    parts = [losses[i * (len(losses) - 1) // 4] for i in range(5)] if losses else []
    return ", training loss " + " → ".join(f"{loss:.3f}" for loss in parts) + " at quarters of the run"


def quantised(checkpoint, kind, scheme, clip):
    roles = roles_by_name(checkpoint.spec)
    result = {}
    for name, tensor in checkpoint.tensors.items():
        role = "matrix" if roles[name] == "matrix" else "embedding" if roles[name] in ("embedding", "head") else "gain"
        if role == kind and tensor.ndim == 2 and tensor.numel() > 4096:
            result[name] = quantize(scheme, tensor.float(), None, RowOptions(clip=clip)).parts["codes"]
    return result


def measure(codes, tools):
    rows = [Row("H0 per tensor", sum(entropy_bytes(array) for array in codes.values()))]
    stream = io.BytesIO()
    torch.save({name: torch.from_numpy(array) for name, array in codes.items()}, stream)
    begin = time.perf_counter()
    rows.append(
        Row("torch.save + lzma 9", len(lzma.compress(stream.getvalue(), preset=9)), time.perf_counter() - begin)
    )
    rows += [coded(text, codes) for text in CODERS if taken(text, codes)]
    if tools:
        rows += [row for name in TOOLS if (row := external(name, codes))]
    return rows


def taken(text, codes):
    coder_id = parse_coder(text).coder_id
    return all(accepts(coder_id, array.dtype, array.shape) for array in codes.values())


def entropy_bytes(array):
    counts = np.unique(array, return_counts=True)[1].astype(np.float64)
    return float(-(counts * np.log2(counts / array.size)).sum() / 8)


def coded(text, codes):
    """One of our coders, tensor by tensor; the round trip is checked."""
    choice = parse_coder(text)
    begin = time.perf_counter()
    streams = {name: choice.encode(array) for name, array in codes.items()}
    middle = time.perf_counter()
    back = {name: decode(one.coder_id, one.data, codes[name].dtype, codes[name].shape) for name, one in streams.items()}
    end = time.perf_counter()
    assert all(np.array_equal(back[name], codes[name]) for name in codes), text
    return Row(text, sum(len(one.data) for one in streams.values()), middle - begin, end - middle)


def external(name, codes):
    """A command-line compressor on one file of all codes; None where it is not installed."""
    pack_command, suffix, unpack_command = TOOLS[name]
    if not shutil.which(pack_command[0]):
        return None
    data = b"".join(array.tobytes() for array in codes.values())
    with tempfile.TemporaryDirectory() as folder:
        source, packed, back = Path(folder, "codes"), Path(folder, f"packed{suffix}"), Path(folder, "back")
        source.write_bytes(data)
        paths = {"in": str(source), "out": str(packed), "back": str(back)}
        seconds = []
        for command in (pack_command, unpack_command):
            begin = time.perf_counter()
            subprocess.run([part.format(**paths) for part in command], check=True, capture_output=True, cwd=folder)
            seconds.append(time.perf_counter() - begin)
        found = back if back.is_file() else next(p for p in back.rglob("*") if p.is_file())
        assert found.read_bytes() == data, name
        return Row(name, packed.stat().st_size, *seconds)


def table(rows, codes):
    by_name = {row.name: row.bytes for row in rows}
    lines = ["| coder | bytes | bits/code | vs torch.save + lzma 9 | vs H0 | encode s | decode s |"]
    lines.append("| --- | -: | -: | -: | -: | -: | -: |")
    for row in rows:
        ratios = [row.bytes / by_name[name] for name in ("torch.save + lzma 9", "H0 per tensor")]
        seconds = ["" if s is None else f"{s:.2f}" for s in (row.encode_seconds, row.decode_seconds)]
        name = f"**{row.name}**" if row.name.startswith("rans") else row.name
        lines.append(
            f"| {name} | {row.bytes:,.0f} | {row.bytes * 8 / codes:.4f} | {ratios[0]:.4f} | {ratios[1]:.4f} | "
            f"{seconds[0]} | {seconds[1]} |"
        )
    return lines


def whole_files(path):
    """Complete artifacts with each coder: embeddings, scales, gains, manifest, everything."""
    lines = ["", "### Whole artifacts (tokenizer left out with --slim)", ""]
    lines += ["| coder | std-clipped: bytes | vs best byte coder | percentile: bytes | vs best byte coder |"]
    lines += ["| --- | -: | -: | -: | -: |"]
    forms = {"sd": {"quantizer": "round", "clip": "sd:12.85", "clip_embed": "sd:20"}, "percentile": {}}
    sizes = {}
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(path, folder)
        for coder in PACKINGS:
            for form, options in forms.items():
                config = PackConfig.from_dict({"coder": coder, "budget": "none", "slim": True, **options})
                sizes[coder, form] = pack(Path(copy), config, Path(folder, "m.golf")).file_bytes
    for coder in PACKINGS:
        cells = []
        for form in forms:
            best = min(sizes[other, form] for other in ("lzma:9", "zstd:22", "brotli:11"))
            cells += [f"{sizes[coder, form]:,}", f"{sizes[coder, form] / best:.4f}"]
        lines.append(f"| {coder} | {' | '.join(cells)} |")
    return lines


def speed():
    """Encode and decode 27 M codes shaped as the 11-layer model's, compilation and imports included."""
    random = np.random.default_rng(0)
    shapes = [(512, 512)] * 22 + [(256, 512)] * 22 + [(1536, 512)] * 11 + [(512, 1536)] * 11 + [(1024, 512)]
    codes = [synthetic(random, shape) for shape in shapes]
    clocks = [(time.perf_counter(), time.process_time())]
    streams = [encode("rans/1", array) for array in codes]
    clocks.append((time.perf_counter(), time.process_time()))
    for data, array in zip(streams, codes, strict=True):
        assert np.array_equal(decode("rans/1", data, array.dtype, array.shape), array)
    clocks.append((time.perf_counter(), time.process_time()))
    seconds = [clocks[i + 1][clock] - clocks[i][clock] for clock in (0, 1) for i in (0, 1)]
    return {"codes": sum(a.size for a in codes), "seconds": seconds}


def synthetic(random, shape):
    spread = np.exp(random.normal(0, 0.2, (shape[0], 1)) + random.normal(0, 0.5, (1, shape[1])))
    return np.rint(random.normal(0, 2.4, shape) * spread).clip(-127, 127).astype(np.int8)


def speed_report():
    """In a fresh process with an empty compilation cache, then with the cache filled."""
    lines = ["", "## Speed of rans on 27 M synthetic codes of the 11-layer model's shapes", ""]
    lines += ["| compilation | codes | encode s | decode s | encode, CPU s | decode, CPU s |"]
    lines += ["| --- | -: | -: | -: | -: | -: |"]
    with tempfile.TemporaryDirectory() as folder:
        for label in ("included", "cached"):
            command = [sys.executable, str(Path(__file__).resolve()), "--speed-only"]
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
            run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            figures = json.loads(run.stdout.splitlines()[-1])
            cells = [f"{seconds:.1f}" for seconds in figures["seconds"]]
            lines.append(f"| {label} | {figures['codes']:,} | " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    main()
