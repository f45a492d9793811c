"""Files that are whole and well formed, and break one rule of decoding each: `refused/<rule>--<what>.golf`.

`python -m tests.golden.make_refused` writes those that are not there yet and appends to `refused.json`, the table of
what a reader must report; it never changes a file or an entry. Any reader can be held against them.
"""

import hashlib
import json
import lzma
import struct
import zlib
from pathlib import Path

import brotli
import zstandard

from tests.golden.refused_rans import rans_payloads
from tests.hostile.craft import assemble, canonical

FILES = Path(__file__).parent / "refused"
TABLE = FILES.with_suffix(".json")
RAW = bytes(range(1, 13))  # a matrix of 3 × 4 codes, the payload of most cases


def golf(tensors, coded, **more):
    """A file of tensors `(name, scheme, shape, parts)`, parts `(name, dtype, shape)`; `(coder, payload)` a part."""
    entries, sections, body = [], [], b""
    for name, scheme, shape, parts in tensors:
        listed = [{"name": p, "dtype": d, "shape": s, "stream": len(sections) + i} for i, (p, d, s) in enumerate(parts)]
        entries.append({"name": name, "scheme": scheme, "shape": shape, "parts": listed})
        for (_, dtype, part_shape), (coder, payload) in zip(parts, coded[name], strict=True):
            section = {"kind": "tensors", "coder": coder, "raw_bytes": size_of(dtype, part_shape)}
            sections.append(section | {"streams": [len(payload)]} | stored(len(sections), payload))
            body += payload
    for section, payload in more.pop("blobs", []):
        sections.append({"kind": "extra"} | section | stored(len(sections), payload))
        body += payload
    document = {"schema": "manifest/1", "model": {}, "tensors": entries, "sections": sections} | more
    return assemble(canonical(document), body)


def stored(number, payload):
    return {"name": f"s{number}", "bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}


def size_of(dtype, shape):
    size = int(dtype.strip("uintfloa")) // 8
    for axis in shape:
        size *= axis
    return size


def matrix(coder, payload, scheme="int8-row/1", shape=(3, 4), dtype="int8", part_shape=None):
    """One matrix whose codes are `payload` under `coder`, scales of 1."""
    parts = [("codes", dtype, list(part_shape or shape)), ("scales", "float16", [shape[0]])]
    scales = ("raw/1", struct.pack("<e", 1) * shape[0])
    return golf([("w", scheme, list(shape), parts)], {"w": [(coder, payload), scales]})


def values(scheme, payload, dtype, coder="raw/1"):
    return golf([("w", scheme, [2], [("values", dtype, [2])])], {"w": [(coder, payload)]})


def blob(coder, payload, raw_bytes):
    return golf([], {}, blobs=[({"coder": coder, "raw_bytes": raw_bytes}, payload)])


def parts_and_coders():
    wide = (1, 1025)
    return {
        "scheme--unknown": matrix("raw/1", RAW, "int9-row/1"),
        "scheme--version": matrix("raw/1", RAW, "int8-row/2"),
        "parts--missing": golf([("w", "int8-row/1", [3, 4], [("codes", "int8", [3, 4])])], {"w": [("raw/1", RAW)]}),
        "parts--name": golf([("w", "fp16/1", [2], [("value", "float16", [2])])], {"w": [("raw/1", bytes(4))]}),
        "parts--dtype": matrix("raw/1", RAW, dtype="uint8"),
        "parts--shape": matrix("raw/1", RAW, part_shape=(4, 3)),
        "parts--axes": matrix("raw/1", RAW, shape=(3, 2, 2)),
        "coder--unknown": matrix("huffman/1", RAW),
        "coder--version": matrix("raw/2", RAW),
        "coder--of-a-blob": blob("raw/2", b"x", 1),
        "coder-array--rans-floats": values("fp16/1", b"\0", "float16", "rans/1"),
        "coder-array--predicted-blob": blob("rans-lp/1", b"\0", 12),
        "coder-array--predicted-int16": grid(codes=("rans-lp/1", b"\0"), dtype="int16"),
        "coder-array--predicted-one-column": matrix("rans-lp/1", b"\0", shape=(3, 1)),
        "coder-array--predicted-wide": matrix("rans-lp/1", b"\0", shape=wide),
        "coder-array--predicted-work": matrix("rans-lp/1", b"\0", shape=(8193, 1024)),
        "tokenizer-digest": golf(
            [], {}, tokenizer={"format": "sentencepiece/1", "bytes": 1, "sha256": "0" * 64, "section": "s0"},
            blobs=[({"kind": "tokenizer", "coder": "raw/1", "raw_bytes": 1}, b"x")],
        ),
    }  # fmt: skip


def deflate(data, finish=zlib.Z_FINISH):
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    return press.compress(data) + press.flush(finish)


def lzma2(data):
    return lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}])


def zstd(data, **options):
    return zstandard.ZstdCompressor(**options).compress(data)


def bytewise():
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(RAW)
    skippable = struct.pack("<II", 0x184D2A50, 4) + b"skip"
    checked = bytearray(zstd(RAW, write_checksum=True))
    checked[-1] ^= 1
    coded = {
        "raw-short": ("raw/1", RAW[:-1]),
        "raw-tail": ("raw/1", RAW + b"\0"),
        "zlib-short": ("zlib/1", b"\0" + deflate(RAW[:-1])),
        "zlib-long": ("zlib/1", b"\0" + deflate(RAW + b"\0")),
        "zlib-tail": ("zlib/1", b"\0" + deflate(RAW) + b"\0"),
        "zlib-unfinished": ("zlib/1", b"\0" + deflate(RAW, zlib.Z_SYNC_FLUSH)),
        "zlib-wrapped": ("zlib/1", b"\0" + zlib.compress(RAW)),
        "zlib-layout-alone": ("zlib/1", b"\0"),
        "lzma-short": ("lzma/1", b"\0" + lzma2(RAW[:-1])),
        "lzma-tail": ("lzma/1", b"\0" + lzma2(RAW) + b"\0"),
        "lzma-no-end": ("lzma/1", b"\0" + lzma2(RAW)[:-1]),
        "lzma-xz": ("lzma/1", b"\0" + lzma.compress(RAW)),
        "zstd-short": ("zstd/1", b"\0" + zstd(RAW[:-1])),
        "zstd-tail": ("zstd/1", b"\0" + zstd(RAW) + b"\0"),
        "zstd-two-frames": ("zstd/1", b"\0" + zstd(RAW[:6]) + zstd(RAW[6:])),
        "zstd-no-size": ("zstd/1", b"\0" + unsized),
        "zstd-window": ("zstd/1", b"\0" + bytes.fromhex("28b52ffd8058") + struct.pack("<I", 12) + b"\x61\0\0" + RAW),
        "zstd-dictionary": ("zstd/1", b"\0" + bytes.fromhex("28b52ffd21070c") + b"\x61\0\0" + RAW),
        "zstd-checksum": ("zstd/1", b"\0" + bytes(checked)),
        "zstd-skippable": ("zstd/1", b"\0" + skippable + zstd(RAW)),
        "brotli-short": ("brotli/1", b"\0" + brotli.compress(RAW[:-1])),
        "brotli-tail": ("brotli/1", b"\0" + brotli.compress(RAW) + b"\0"),
        "brotli-large-window": ("brotli/1", b"\0\x11" + brotli.compress(RAW)),
    }
    found = {f"payload--{name}": matrix(coder, payload) for name, (coder, payload) in coded.items()}
    for coder, payload in [("zlib/1", deflate(RAW)), ("lzma/1", lzma2(RAW)), ("zstd/1", zstd(RAW)), ("brotli/1", b"")]:
        for layout in (4, 255):
            found[f"layout-byte--{coder[:-2]}-{layout}"] = matrix(coder, bytes([layout]) + payload)
        found[f"layout-byte--{coder[:-2]}-absent"] = blob(coder, b"", 0)
    return found | {"payload--rans-of-nothing": blob("rans/1", b"\0", 0)}


def grid(codes=("raw/1", bytes(12)), step=1.0, row=0, column=0, dtype="int8"):
    parts = [("codes", dtype, [3, 4]), ("rows", "int8", [3]), ("columns", "int8", [4]), ("step", "float32", [1])]
    rest = [struct.pack("<3b", row, 0, 0), struct.pack("<4b", column, 0, 0, 0), struct.pack("<f", step)]
    return golf([("w", "grid/1", [3, 4], parts)], {"w": [codes, *(("raw/1", payload) for payload in rest)]})


def ternary(trits, scale=1.0):
    parts = [("trits", "uint8", [2]), ("scales", "float16", [1])]
    return golf(
        [("w", "ternary-group/1", [7], parts)], {"w": [("raw/1", bytes(trits)), ("raw/1", struct.pack("<e", scale))]}
    )


def scaled(scale):
    parts = [("codes", "int8", [1, 2]), ("scales", "float16", [1])]
    coded = [("raw/1", b"\0\0"), ("raw/1", struct.pack("<e", scale))]
    return golf([("w", "int8-row/1", [1, 2], parts)], {"w": coded})


def scheme_values():
    full = (2 * 3**0 + 1 * 3 + 9 + 27 + 81, 1 + 3 + 9 + 27 + 81)
    big = struct.pack("<12i", (1 << 24) + 1, *[0] * 11)
    return {
        "values--code": matrix("raw/1", bytes([32]) + RAW[1:], "int6-row/1"),
        "values--code-below": matrix("raw/1", bytes([0x100 - 33]) + RAW[1:], "int6-row/1"),
        "values--scale-negative": scaled(-1.0),
        "values--scale-infinite": scaled(float("inf")),
        "values--scale-nan": scaled(float("nan")),
        "values--fp16-nan": values("fp16/1", struct.pack("<2e", 1, float("nan")), "float16"),
        "values--fp32-infinite": values("fp32/1", struct.pack("<2f", 1, float("-inf")), "float32"),
        "values--grid-code": grid(("raw/1", big), dtype="int32"),
        "values--grid-step-zero": grid(step=0.0),
        "values--grid-step-negative": grid(step=-1.0),
        "values--grid-step-nan": grid(step=float("nan")),
        "values--grid-overflow": grid(("raw/1", RAW), step=3e38, row=127),
        "values--trits-243": ternary((243, full[1])),
        "values--trits-filling": ternary((full[0], full[1] + 3**4)),
        "values--trits-scale": ternary(full, -1.0),
    }


def cases():
    """Bytes by file stem."""
    found = parts_and_coders() | bytewise() | scheme_values()
    for name, (coder, dtype, shape, payload) in rans_payloads().items():
        tall = dtype == "int8"
        found[name] = matrix(coder, payload, shape=shape) if tall else grid_of(dtype, shape, coder, payload)
    return found


def grid_of(dtype, shape, coder, payload):
    """A `grid/1` matrix of any size: what holds codes wider than int8."""
    parts = [("codes", dtype, list(shape)), ("rows", "int8", [shape[0]]), ("columns", "int8", [shape[1]])]
    rest = [bytes(shape[0]), bytes(shape[1]), struct.pack("<f", 1)]
    coded = [(coder, payload), *(("raw/1", one) for one in rest)]
    return golf([("w", "grid/1", list(shape), [*parts, ("step", "float32", [1])])], {"w": coded})


def main():
    FILES.mkdir(exist_ok=True)
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    for stem, data in cases().items():
        path = FILES / f"{stem}.golf"
        if not path.exists():
            path.write_bytes(data)
            table[stem] = stem.split("--")[0]
            print(f"wrote {path}: {len(data)} bytes")
    TABLE.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
