"""Small artifacts for tests, made of seeded numbers with the real coders and schemes."""

import numpy as np

from golfctl.artifact import (
    BlobSection,
    CodeFile,
    Draft,
    ExternalFile,
    Part,
    Stream,
    Tensor,
    TensorSection,
    TokenizerEntry,
)
from golfctl.coding import encode, encode_bytes
from golfctl.core.canonical import sha256_bytes

SOURCE = b"import golfctl\n\nprint('hello')\n"
TOKENIZER = bytes(range(256)) * 8
MODEL = {"schema": "sample-model/1", "dim": 16, "layers": 2, "rope": {"base": 10000.0, "dims": 4}, "tied": True}


def row_tensor(name, rows, columns, seed):
    """An int6-row tensor: its table entry and its arrays by part."""
    rng = np.random.default_rng(seed)
    codes = np.clip(np.rint(rng.normal(0, 8, (rows, columns))), -31, 31).astype(np.int8)
    scales = rng.uniform(0.001, 0.01, rows).astype(np.float16)
    parts = (Part("codes", "int8", (rows, columns)), Part("scales", "float16", (rows,)))
    return Tensor(name, (rows, columns), "int6-row/1", parts), {"codes": codes, "scales": scales}


def gain_tensor(name, shape, seed):
    """An fp16 tensor: its table entry and its arrays by part."""
    values = np.random.default_rng(seed).normal(1, 0.1, shape).astype(np.float16).reshape(shape)
    return Tensor(name, shape, "fp16/1", (Part("values", "float16", shape),)), {"values": values}


def sample_tensors(layers=2, dim=16):
    """Entries and arrays of a small transformer: embedding, per layer two matrices and a gain, one scalar."""
    built = [row_tensor("tok_emb.weight", 32, dim, 0)]
    for i in range(layers):
        built.append(row_tensor(f"blocks.{i}.attn.c_q.weight", dim, dim, 10 * i + 1))
        built.append(row_tensor(f"blocks.{i}.mlp.fc.weight", 2 * dim, dim, 10 * i + 2))
        built.append(gain_tensor(f"blocks.{i}.attn_scale", (dim,), 10 * i + 3))
    built.append(gain_tensor("bigram.scale", (), 99))
    return built


def sample_draft(coder="lzma/1", small_coder="zlib/1", blob_coder="raw/1", layers=2, **changes):
    """A draft with every kind of section; codes in a stream each, everything small in one joint stream."""
    built = sample_tensors(layers)
    codes, small, keys = [], [], []
    for tensor, arrays in built:
        for part, array in arrays.items():
            if part == "codes":
                codes.append(Stream(encode(coder, array), ((tensor.name, part),)))
            else:
                small.append(array.reshape(-1))
                keys.append((tensor.name, part))
    joint = Stream(encode(small_coder, np.concatenate(small)), tuple(keys))
    values = {
        "model": MODEL,
        "tensors": tuple(tensor for tensor, _ in built),
        "sections": (
            TensorSection("matrices", coder, tuple(codes)),
            TensorSection("small", small_coder, (joint,)),
            _blob("tokenizer", "tokenizer", blob_coder, TOKENIZER),
            _blob("code", "code", blob_coder, SOURCE, (CodeFile("train_gpt.py", len(SOURCE)),)),
            _blob("notes", "extra", blob_coder, b"anything"),
        ),
        "tokenizer": TokenizerEntry("sentencepiece/1", sha256_bytes(TOKENIZER), len(TOKENIZER), "tokenizer"),
        "evaluation": {"stride": 64},
        "provenance": {"run": "sample", "seed": 7},
        "annotations": {"example.note": ["free", 1, None]},
        "external": (ExternalFile("run.sh", 12, sha256_bytes(b"x" * 12)),),
    }
    return Draft(**(values | changes))


def _blob(name, kind, coder, data, files=()):
    return BlobSection(name, kind, coder, encode_bytes(coder, data), len(data), files)
