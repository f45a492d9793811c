"""How the golden artifacts came about. `python -m tests.golden.make` writes files that are not there yet and appends
their digests to `digests.json`; it never touches an existing file or entry. Old encoders stay here as they were."""

import hashlib
import json
import math
import random
import zlib
from importlib.metadata import version
from pathlib import Path

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
    encode_artifact,
    read_artifact,
)
from golfctl.coding import encode, encode_bytes
from golfctl.core.canonical import sha256_bytes
from golfctl.inspection.decoding import decoded_parts
from golfctl.quant import dequantize

HERE = Path(__file__).parent
FILES = HERE / "v1"
DIGESTS = HERE / "digests.json"


def bell(seed, shape, width):
    """Bell-shaped integers with a standard deviation of about `width` / 4, the same on every machine for ever."""
    rng = random.Random(seed)
    cells = [sum(rng.randint(-width, width) for _ in range(3)) // 4 for _ in range(math.prod(shape))]
    return np.array(cells, np.int64).reshape(shape)


def row_tensor(name, bits, rows, columns, seed):
    """Codes that reach both ends of the range, scales that include 0 and a subnormal."""
    top = 2 ** (bits - 1) - 1
    codes = np.clip(bell(seed, (rows, columns), 2 * top), -top - 1, top).astype(np.int8)
    codes[0, :2] = (-top - 1, top)
    scales = (abs(bell(seed + 1, (rows,), 999)) / 4096).astype(np.float16)
    scales[-2:] = (0, 6e-8)
    return Tensor(name, (rows, columns), f"int{bits}-row/1", ()), {"codes": codes, "scales": scales}


def float_tensor(name, scheme, shape, seed):
    values = bell(seed, shape, 9999) / 512
    return Tensor(name, shape, scheme, ()), {"values": values.astype({"fp16/1": "f2", "fp32/1": "f4"}[scheme])}


def assemble(built, sections, manifest_coder=2, **more):
    """An artifact from tensors and `(name, coder, [(options, [(tensor, part), …]), …])` per section."""
    arrays = {(t.name, part): array for t, parts in built for part, array in parts.items()}
    coded = []
    for name, coder, streams in sections:
        coded.append(TensorSection(name, coder, tuple(_stream(coder, o, keys, arrays) for o, keys in streams)))
    tensors = tuple(
        Tensor(t.name, t.shape, t.scheme, tuple(Part(p, a.dtype.name, a.shape) for p, a in parts.items()))
        for t, parts in built
    )
    draft = Draft(
        model=more.pop("model", {"golden": True}), tensors=tensors, sections=(*coded, *more.pop("blobs", ())), **more
    )
    return encode_artifact(draft, manifest_coder)


def _stream(coder, options, keys, arrays):
    held = [arrays[key] for key in keys]
    if len(held) == 1:
        joint = held[0]
    elif len({a.dtype for a in held}) == 1:
        joint = np.concatenate([a.reshape(-1) for a in held])
    else:
        joint = np.frombuffer(b"".join(a.tobytes() for a in held), np.uint8)
    return Stream(encode(coder, joint, **options), tuple(keys))


def keys_of(built, parts=None):
    return [(t.name, part) for t, arrays in built for part in arrays if parts is None or part in parts]


def core_raw():
    """Every core scheme, stored raw, a stream for each part; nothing optional."""
    built = [row_tensor(f"m{bits}.weight", bits, 4, 6, bits) for bits in range(2, 9)]
    built += [float_tensor("gain", "fp16/1", (5,), 1), float_tensor("cube", "fp32/1", (2, 3, 2), 2)]
    built += [float_tensor("scalar", "fp16/1", (), 3)]
    return assemble(built, [("all", "raw/1", [({}, [key]) for key in keys_of(built)])], 0)


def core_zlib_layouts():
    """Every byte layout, joint streams of one dtype and of several, two sections, manifest under zlib."""
    built = [
        row_tensor("a.weight", 6, 7, 12, 1),
        row_tensor("b.weight", 8, 9, 5, 2),
        float_tensor("c", "fp16/1", (6, 4), 3),
    ]
    built += [
        float_tensor("d", "fp32/1", (3, 5), 4),
        float_tensor("e", "fp16/1", (11,), 5),
        float_tensor("f", "fp16/1", (), 6),
    ]
    lone = [
        ({"layout": "transposed"}, [("a.weight", "codes")]),
        ({"layout": "transposed-planes"}, [("c", "values")]),
        ({"layout": "planes"}, [("d", "values")]),
    ]
    joint = [({"layout": "planes"}, [("a.weight", "scales"), ("e", "values"), ("f", "values")])]
    mixed = [({}, [("b.weight", "codes"), ("b.weight", "scales")])]
    return assemble(built, [("lone", "zlib/1", lone), ("joint", "zlib/1", joint + mixed)], 1)


def core_lzma_full():
    """Every kind of section and every optional field."""
    built = [row_tensor("tok_emb.weight", 8, 32, 16, 1)]
    for i in range(2):
        built += [
            row_tensor(f"blocks.{i}.attn.c_q.weight", 6, 16, 16, 2 + i),
            float_tensor(f"blocks.{i}.attn_scale", "fp16/1", (16,), 4 + i),
        ]
    codes = [({"preset": 9}, [key]) for key in keys_of(built, ["codes"])]
    small = [({"preset": 9, "layout": "planes"}, keys_of(built, ["scales", "values"]))]
    tokenizer, code = bytes(range(256)) * 3, b"import golfctl\n"
    blobs = (
        BlobSection("tokenizer", "tokenizer", "lzma/1", encode_bytes("lzma/1", tokenizer), len(tokenizer)),
        BlobSection(
            "code",
            "code",
            "raw/1",
            code * 2,
            len(code) * 2,
            (CodeFile("train.py", len(code)), CodeFile("lib/x.py", len(code))),
        ),
        BlobSection("licence", "extra", "raw/1", b"CC0", 3),
    )
    return assemble(
        built,
        [("codes", "lzma/1", codes), ("small", "lzma/1", small)],
        blobs=blobs,
        model={"dim": 16, "rope": {"base": 10000.0, "dims": 4}, "tied": True, "name": "größe"},
        tokenizer=TokenizerEntry("sentencepiece/1", sha256_bytes(tokenizer), len(tokenizer), "tokenizer"),
        evaluation={"stride": 64, "learning_rate": 1e-05},
        provenance={"run": "golden"},
        annotations={"golfctl.note": [None, True, 0.1]},
        external=(ExternalFile("requirements.txt", 10, sha256_bytes(b"0123456789")),),
    )


def _coded(coder, options):
    built = [row_tensor("a.weight", 6, 24, 40, 1), row_tensor("b.weight", 8, 5, 3, 2)]
    streams = [(options, [key]) for key in keys_of(built, ["codes"])]
    return assemble(built, [("codes", coder, streams), ("scales", "raw/1", [({}, keys_of(built, ["scales"]))])])


def zstd():
    return _coded("zstd/1", {"layout": "transposed"})


def brotli():
    return _coded("brotli/1", {"layout": "plain"})


def rans():
    """Rows and columns of very different spread, an escape-worthy outlier, a constant matrix and a single cell."""
    spread = np.array([1, 2, 5, 11, 30] * 8)[:, None] * np.array([1, 2, 4] * 8)[None, :]
    uneven = np.clip(bell(5, (40, 24), 99) * spread // 60, -128, 127).astype(np.int8)
    one = {"scales": np.ones(1, np.float16)}
    built = [
        (Tensor("uneven.weight", (40, 24), "int8-row/1", ()), {"codes": uneven, "scales": np.ones(40, np.float16)}),
        (Tensor("constant.weight", (1, 30), "int6-row/1", ()), {"codes": np.full((1, 30), -7, np.int8)} | one),
        (Tensor("cell.weight", (1, 1), "int8-row/1", ()), {"codes": np.full((1, 1), -128, np.int8)} | one),
        row_tensor("plain.weight", 6, 17, 33, 6),
    ]
    streams = [({}, [key]) for key in keys_of(built, ["codes"])]
    return assemble(built, [("codes", "rans/1", streams), ("scales", "raw/1", [({}, keys_of(built, ["scales"]))])])


def rans_lp():
    """Rows that share a direction, long enough for three fits; an uneven and a short matrix."""
    shared = bell(21, (100, 1), 60) * bell(22, (1, 9), 12) // 4 + bell(23, (100, 9), 12)
    shapes = {"shared.weight": shared, "uneven.weight": bell(24, (60, 7), 9) * np.array([1, 2, 4, 9, 1, 2, 30])}
    shapes["short.weight"] = bell(25, (5, 4), 40)
    built = [
        (
            Tensor(name, codes.shape, "int8-row/1", ()),
            {"codes": np.clip(codes, -128, 127).astype(np.int8), "scales": np.ones(len(codes), np.float16)},
        )
        for name, codes in shapes.items()
    ]
    streams = [({}, [key]) for key in keys_of(built, ["codes"])]
    return assemble(built, [("codes", "rans-lp/1", streams), ("scales", "raw/1", [({}, keys_of(built, ["scales"]))])])


def grid():
    """`grid/1` in every integer type, exponents at both ends, codes coded alone and the rest of a tensor together."""
    built, streams, rest = [], [], []
    for i, (dtype, width, rows, columns) in enumerate(
        [("int8", 99, 9, 14), ("int16", 20_000, 12, 10), ("int32", 1 << 26, 6, 8)]
    ):
        limit = min(np.iinfo(dtype).max, 1 << 24)
        codes = np.clip(bell(i, (rows, columns), width), -limit, limit).astype(dtype)
        exponents = [
            np.clip(bell(10 * i + n, (size,), 99), -40, 40).astype(np.int8) for n, size in ((1, rows), (2, columns))
        ]
        parts = {"codes": codes, "rows": exponents[0], "columns": exponents[1], "step": np.array([0.0137], np.float32)}
        built.append((Tensor(f"{dtype}.weight", (rows, columns), "grid/1", ()), parts))
        streams.append(({}, [(f"{dtype}.weight", "codes")]))
        rest.append(({}, [(f"{dtype}.weight", part) for part in ("rows", "columns", "step")]))
    built[0][1]["rows"][:2], built[0][1]["columns"][:2] = (-128, 127), (-128, 127)
    built[2][1]["codes"][0, :2] = (-(1 << 24), 1 << 24)
    return assemble(built, [("codes", "rans/1", streams), ("rest", "lzma/1", rest)])


def ternary():
    """`ternary-group/1`: whole and broken groups, whole and filled-up bytes, every shape; a scale of 0."""
    built = []
    for seed, shape in enumerate([(16, 24), (7, 19), (3,), (2, 2, 65)]):
        size = math.prod(shape)
        digits = np.ones(-(-size // 5) * 5, np.int64)
        digits[:size] = abs(bell(seed, (size,), 60)) % 3
        trits = (digits.reshape(-1, 5) @ 3 ** np.arange(5)).astype(np.uint8)
        scales = (abs(bell(seed + 9, (-(-size // 128),), 999)) / 4096).astype(np.float16)
        scales[-1] = seed % 2
        built.append((Tensor(f"t{seed}", shape, "ternary-group/1", ()), {"trits": trits, "scales": scales}))
    streams = [({}, [key]) for key in keys_of(built, ["trits"])]
    return assemble(built, [("trits", "lzma/1", streams), ("scales", "raw/1", [({}, keys_of(built, ["scales"]))])])


def rans_sides():
    """Spreads of rows and of columns sent as differences, the shapes m = 2 and m = 4, and bytes on one axis."""
    growing = np.array([int(2 * 1.07**i) for i in range(60)])
    sharp = bell(33, (80, 64), 9) * abs(bell(34, (80, 64), 9)) ** 3 // 81
    blunt = bell(35, (80, 64), 40) * 8 // (4 * np.maximum(abs(bell(36, (80, 64), 12)), 1))
    matrices = {
        "columns.weight": bell(31, (64, 60), 60) * growing // 60,
        "rows.weight": bell(31, (60, 64), 60) * growing[:, None] // 60,
        "m2.weight": sharp,
        "m4.weight": blunt,
    }
    built = [
        (
            Tensor(name, codes.shape, "int8-row/1", ()),
            {"codes": np.clip(codes, -128, 127).astype(np.int8), "scales": np.ones(len(codes), np.float16)},
        )
        for name, codes in matrices.items()
    ]
    trits = (abs(bell(37, (20,), 200)) % 243).astype(np.uint8)
    built.append((Tensor("t", (4, 25), "ternary-group/1", ()), {"trits": trits, "scales": np.ones(1, np.float16)}))
    streams = [({}, [key]) for key in keys_of(built, ["codes", "trits"])]
    return assemble(built, [("codes", "rans/1", streams), ("scales", "raw/1", [({}, keys_of(built, ["scales"]))])])


def _layouts(coder):
    """Every layout of bytes over matrices, one axis, three axes and a scalar."""
    layouts = ("plain", "transposed", "planes", "transposed-planes")
    built = [float_tensor(f"three.{layout}", "fp16/1", (3, 4, 5), i) for i, layout in enumerate(layouts)]
    built += [float_tensor(f"two.{layout}", "fp32/1", (6, 7), 9 + i) for i, layout in enumerate(layouts)]
    built += [
        float_tensor("one.transposed", "fp32/1", (11,), 20),
        float_tensor("none.transposed-planes", "fp16/1", (), 21),
    ]
    streams = [({"layout": tensor.name.split(".")[1]}, [(tensor.name, "values")]) for tensor, _ in built]
    return assemble(built, [("all", coder, streams)])


def zstd_layouts():
    return _layouts("zstd/1")


def brotli_layouts():
    return _layouts("brotli/1")


MAKERS = {
    "core-raw": core_raw,
    "core-zlib-layouts": core_zlib_layouts,
    "core-lzma-full": core_lzma_full,
    "zstd": zstd,
    "brotli": brotli,
    "rans": rans,
    "grid": grid,
    "ternary": ternary,
    "rans-lp": rans_lp,
    "rans-sides": rans_sides,
    "zstd-layouts": zstd_layouts,
    "brotli-layouts": brotli_layouts,
}


def tensor_digests(data):
    """SHA-256 of every tensor's weights as little-endian float32 in C order, decoded by golfctl."""
    artifact, parts = read_artifact(data), {}
    for tensor, part, array in decoded_parts(artifact):
        parts.setdefault(tensor.name, {})[part.name] = array
    return {
        t.name: hashlib.sha256(dequantize(t.scheme, t.shape, parts[t.name]).astype("<f4").tobytes()).hexdigest()
        for t in artifact.manifest.tensors
    }


def libraries_of(data):
    """Versions of the compression libraries whose choices show in the bytes; liblzma's output has been stable."""
    coders = {section.coder for section in read_artifact(data).manifest.sections}
    known = {"zlib/1": zlib.ZLIB_RUNTIME_VERSION, "zstd/1": version("zstandard"), "brotli/1": version("brotli")}
    return {coder: known[coder] for coder in sorted(coders & known.keys())}


def main():
    entries = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    for name, maker in MAKERS.items():
        path = FILES / f"{name}.golf"
        if path.exists():
            continue
        data = maker()
        path.write_bytes(data)
        entries[f"v1/{name}"] = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "made_with": libraries_of(data),
            "tensors": tensor_digests(data),
        }
        print(f"wrote {path}: {len(data)} bytes")
    DIGESTS.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
