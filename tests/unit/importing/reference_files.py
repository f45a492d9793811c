"""Files as the reference programs write them, with torch.save, from a golfctl spec and random weights."""

import io
import lzma
import zlib

import brotli
import numpy as np
import torch
import zstandard

from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import shapes_by_name

SPEC = {
    "vocab_size": 96,
    "layers": 3,
    "dim": 32,
    "attention": {"heads": 4, "kv_heads": 2},
    "feed_forward": {"hidden": 96},
    "parts": {
        "bigram": {"buckets": 64, "dim": 16},
        "smear": {},
        "value_embedding": {"dim": 8, "layers": "last 2"},
    },
}
BANKS = {
    "qo_bank": ("attn.c_q", "attn.proj"),
    "kv_bank": ("attn.c_k", "attn.c_v"),
    "mlp_up_bank": ("mlp.fc",),
    "mlp_down_bank": ("mlp.proj",),
}


def weights(spec=SPEC, seed=0):
    """Random tensors by public name."""
    random = torch.Generator().manual_seed(seed)
    shapes = shapes_by_name(ModelSpec.from_dict(spec))
    return {name: torch.randn(shape, generator=random) for name, shape in shapes.items()}


def saved(obj, legacy=False):
    stream = io.BytesIO()
    torch.save(obj, stream, _use_new_zipfile_serialization=not legacy)
    return stream.getvalue()


def banked(tensors):
    """The parallel-Muon layout: stacks instead of matrices."""
    rest, layers = dict(tensors), 3
    for bank, kinds in BANKS.items():
        names = [f"blocks.{i}.{kind}.weight" for kind in kinds for i in range(layers)]
        rest[bank] = torch.stack([rest.pop(name) for name in names])
    return rest


def quantized(tensor, limit):
    scale = (tensor.abs().amax(1) / limit).clamp_min(1e-6).half()
    codes = (tensor / scale.float()[:, None]).round().clamp(-limit, limit).to(torch.int8)
    return codes, scale


def mixed(tensors):
    """{"w", "m"} of PR #549: int6 matrices, int8 embeddings, fp16 for the rest; and what it stands for."""
    stored, meta, meant = {}, {}, {}
    for name, tensor in tensors.items():
        if tensor.ndim != 2 or tensor.numel() < 1024:
            stored[name], meta[name] = tensor.half(), "passthrough"
            meant[name] = tensor.half().float()
            continue
        embedding = "emb" in name
        codes, scale = quantized(tensor, 127 if embedding else 31)
        stored[f"{name}.q"], stored[f"{name}.scale"] = codes, scale
        meta[name] = {"type": "int8" if embedding else "int6"}
        meant[name] = codes.float() * scale.float()[:, None]
    return {"w": stored, "m": meta}, meant


def baseline(tensors):
    """The baseline's int8 bundle, and what it stands for."""
    obj = {"__quant_format__": "int8_clean_per_row_v1", "quantized": {}, "scales": {}, "dtypes": {}, "passthrough": {}}
    obj |= {"qmeta": {}, "passthrough_orig_dtypes": {}}
    meant = {}
    for name, tensor in tensors.items():
        if tensor.ndim == 2 and tensor.numel() >= 1024:
            codes, scale = quantized(tensor, 127)
            obj["quantized"][name], obj["scales"][name], obj["dtypes"][name] = codes, scale, "bfloat16"
            obj["qmeta"][name] = {"scheme": "per_row", "axis": 0}
            meant[name] = codes.float() * scale.float()[:, None]
        else:
            obj["passthrough"][name] = tensor.float()
            meant[name] = tensor
    return obj, meant


def shuffled(data, stride=2):
    array = np.frombuffer(data, np.uint8)
    return b"BSHF" + bytes([stride]) + b"".join(array[i::stride].tobytes() for i in range(stride))


PRESSES = {
    "none": lambda data: data,
    "zlib": lambda data: zlib.compress(data, 9),
    "xz": lambda data: lzma.compress(data, preset=1),
    "lzma alone": lambda data: lzma.compress(data, lzma.FORMAT_ALONE, preset=1),
    "zstd": lambda data: zstandard.ZstdCompressor(level=3).compress(data),
    "brotli": lambda data: brotli.compress(data, quality=2),
    "shuffle + brotli": lambda data: brotli.compress(shuffled(data), quality=2),
    "brotli + shuffle": lambda data: shuffled(brotli.compress(data, quality=2)),
}
