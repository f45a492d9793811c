"""Mutations that know the format: the file stays sealed, and says something wrong or outrageous."""

import bz2
import copy
import functools
import lzma
import random
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import zstandard

from benchmarks.fuzz.bytewise import BYTEWISE
from benchmarks.fuzz.carcass import Carcass, dump

NUMBERS = (
    -1, 0, 1, 2, 3, 7, 16, 255, 256, 65_535, 1 << 31, (1 << 32) - 1, (1 << 53) - 1, 1 << 53, 1 << 63, 1 << 64, 1 << 200,
    0.5, 1e300, -0.0, True, None, "1", [], {},
)  # fmt: skip
STRINGS = (
    "", "a", "codes", "scales", "tok_emb.weight", "matrices", "raw/1", "zlib/1", "lzma/1", "zstd/1", "brotli/1",
    "rans/1", "rans-lp/1", "int6-row/1", "int8-row/1", "fp16/1", "fp32/1", "int6-row/2", "os.system/1", "../x",
    "/etc/passwd", "\u202e", "\ud800", "a" * 300, "int8", "uint8", "int16", "float16", "float64", "object", "tensors",
    "extra", "code", "tokenizer",
)  # fmt: skip


def set_leaf(rng: random.Random, body: Carcass) -> None:
    """One value anywhere in the manifest replaced by a number or string of note."""
    target, key = _pick(rng, body.document)
    old = target[key]
    pool = STRINGS if isinstance(old, str) and rng.random() < 0.8 else NUMBERS
    if isinstance(old, int) and rng.random() < 0.5:
        target[key] = max(0, old + rng.choice([-2, -1, 1, 2, old]))
    else:
        target[key] = rng.choice(pool)


def drop(rng: random.Random, body: Carcass) -> None:
    """A key or item gone."""
    target, key = _pick(rng, body.document)
    del target[key]


def copy_item(rng: random.Random, body: Carcass) -> None:
    """A subtree copied over another, or an item of a list twice."""
    target, key = _pick(rng, body.document)
    source, other = _pick(rng, body.document)
    if isinstance(target, list) and rng.random() < 0.5:
        target.insert(rng.randrange(len(target) + 1), target[key])
    else:
        target[key] = copy.deepcopy(source[other])


def add_key(rng: random.Random, body: Carcass) -> None:
    """A field nobody knows, or a feature nobody knows."""
    if rng.random() < 0.3:
        body.document["requires"] = [rng.choice(["warp/1", "lzma/1", "", "x"])]
        return
    objects = [item for item in _containers(body.document) if isinstance(item, dict)]
    rng.choice(objects)[rng.choice(["offset", "pickle", "x", "__class__", "options"])] = rng.choice(NUMBERS)


def reorder(rng: random.Random, body: Carcass) -> None:
    """The items of one list in another order, payloads left where they are."""
    lists = [item for item in _containers(body.document) if isinstance(item, list) and len(item) > 1]
    if lists:
        rng.shuffle(rng.choice(lists))


def text_tricks(rng: random.Random, body: Carcass) -> None:
    """JSON that is deep, long, not canonical, not JSON, or holds a key twice."""
    text = dump(body.document)
    pair = b'{"schema":"manifest/1",' + text[1:]
    tricks = [
        lambda: b"[" * rng.choice([40, 1000, 100_000]),
        lambda: b'{"a":' * rng.choice([33, 900, 50_000]) + b"1" + b"}" * rng.choice([33, 900, 50_000]),
        lambda: pair,
        lambda: text.replace(b":", b": ", 1),
        lambda: b"\xef\xbb\xbf" + text,
        lambda: text + b"\n",
        lambda: text.replace(b"1", b"9" * rng.choice([20, 5000]), 1),
        lambda: text[:-1] + b',"z":[' + b"0," * rng.choice([1000, 1_000_000]) + b"0]}",
        lambda: rng.choice(BYTEWISE)(rng, text),
        lambda: rng.choice([b"", b"null", b"[]", b"{}", b'"x"', b"NaN", b"\x00" * 100]),
    ]
    body.text = rng.choice(tricks)()


def preamble_lie(rng: random.Random, body: Carcass) -> None:
    """A wrong number in the preamble, under a right seal."""
    name, bits = rng.choice(
        [
            ("version", 16),
            ("coder", 16),
            ("manifest_bytes", 32),
            ("raw_bytes", 32),
            ("reserved", 32),
            ("file_bytes", 64),
        ]
    )
    body.lies[name] = rng.choice([0, 1, 2, 3, 64, 4096, 1 << 15, (1 << bits) - 1, rng.randrange(1 << bits)]) % (
        1 << bits
    )


def manifest_bomb(rng: random.Random, body: Carcass) -> None:
    """A manifest that inflates far beyond what it says, or to exactly the limit."""
    size = rng.choice([1 << 16, 1 << 22, 1 << 26])
    body.manifest_coder = rng.choice([1, 2])
    body.stored = _bomb("zlib" if body.manifest_coder == 1 else "lzma", size, rng.choice([b"\0", b"[],"]))
    body.lies["raw_bytes"] = rng.choice([size, 100, 1 << 22, 1 << 20])


def payload_bytes(rng: random.Random, body: Carcass) -> None:
    """Coded payload changed under a fresh digest: the decoder meets it."""
    pieces = rng.choice(body.payloads)
    if pieces:
        i = rng.randrange(len(pieces))
        pieces[i] = rng.choice(BYTEWISE)(rng, pieces[i])
        if rng.random() < 0.9:
            body.fix_lengths()


def payload_bomb(rng: random.Random, body: Carcass) -> None:
    """A stream that inflates to far more than its array, or that claims a giant window."""
    size = rng.choice([1 << 20, 1 << 26])
    coder, make = rng.choice(_BOMBS)
    i = rng.randrange(len(body.payloads))
    if not body.payloads[i]:
        return
    body.payloads[i][rng.randrange(len(body.payloads[i]))] = bytes([rng.choice([0, 0, 1, 2, 3])]) + make(size)
    if rng.random() < 0.9:
        body.document["sections"][i]["coder"] = coder
    body.fix_lengths()
    if rng.random() < 0.3:
        _grow_shapes(rng, body)


def grow(rng: random.Random, body: Carcass) -> None:
    """Shapes that ask for much memory, with raw lengths to match."""
    _grow_shapes(rng, body)


def swap_payloads(rng: random.Random, body: Carcass) -> None:
    """Two payloads change places."""
    places = [(i, j) for i, pieces in enumerate(body.payloads) for j in range(len(pieces))]
    (a, b), (c, d) = rng.choice(places), rng.choice(places)
    body.payloads[a][b], body.payloads[c][d] = body.payloads[c][d], body.payloads[a][b]
    if rng.random() < 0.8:
        body.fix_lengths()


def _grow_shapes(rng: random.Random, body: Carcass) -> None:
    """Multiply one axis of a tensor and its parts, and keep `raw_bytes` consistent."""
    tensors = body.document["tensors"]
    if not isinstance(tensors, list) or not tensors:
        return
    tensor, factor = rng.choice(tensors), rng.choice([2, 64, 1024, 1 << 20, 1 << 40])
    for shape in (tensor["shape"], *(part["shape"] for part in tensor["parts"])):
        if not all(type(axis) is int for axis in shape):
            raise TypeError("an earlier mutation was here")
    sizes = {"int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "float32": 4}
    tensor["shape"] = [tensor["shape"][0] * factor, *tensor["shape"][1:]] if tensor["shape"] else [factor]
    grown = 0
    for part in tensor["parts"]:
        before = _product(part["shape"])
        part["shape"] = [part["shape"][0] * factor, *part["shape"][1:]] if part["shape"] else [factor]
        grown += (_product(part["shape"]) - before) * sizes.get(part["dtype"], 1)
    body.document["sections"][0]["raw_bytes"] += grown


def _product(shape: list[int]) -> int:
    total = 1
    for axis in shape:
        total *= axis
    return total


@functools.cache
def _bomb(kind: str, size: int, unit: bytes = b"\0") -> bytes:
    raw = unit * (size // len(unit))
    if kind == "zlib":
        return zlib.compress(raw, 1)
    if kind == "zstd":
        return zstandard.ZstdCompressor(level=3).compress(raw)
    return lzma.compress(raw, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}])


def _window_zstd(size: int) -> bytes:
    """A frame that announces the largest window there is."""
    return b"\x28\xb5\x2f\xfd\x00\xf8" + b"\x01\x00\x00"


_BOMBS: list[tuple[str, Callable[[int], bytes]]] = [
    ("zlib/1", lambda size: _bomb("zlib", size)),
    ("lzma/1", lambda size: _bomb("lzma", size)),
    ("zstd/1", lambda size: _bomb("zstd", size)),
    ("zstd/1", _window_zstd),
    ("brotli/1", lambda size: bz2.compress(bytes(1 << 10))),
    ("rans/1", lambda size: b"\xff" * 64),
]


def _containers(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict | list) and item:
            yield item
            waiting.extend(item.values() if isinstance(item, dict) else item)


def _pick(rng: random.Random, document: Any) -> tuple[Any, Any]:
    """A container and a key of it, somewhere."""
    container = rng.choice(list(_containers(document)))
    return container, rng.choice(list(container)) if isinstance(container, dict) else rng.randrange(len(container))


STRUCTURED = (
    set_leaf, set_leaf, set_leaf, drop, copy_item, add_key, reorder, text_tricks, preamble_lie, manifest_bomb,
    payload_bytes, payload_bytes, payload_bytes, payload_bytes, payload_bomb, grow, swap_payloads,
)  # fmt: skip
