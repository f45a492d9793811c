"""A safetensors file with another header: any value replaced, tensors that overlap, JSON that is deep or no JSON."""

import json
import random
from typing import Any

from benchmarks.fuzz.artifact_mutations import NUMBERS, STRINGS
from benchmarks.fuzz.bytewise import BYTEWISE

_TYPES = (
    "BOOL", "U8", "I8", "F4", "F6_E2M3", "F6_E3M2", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F16", "BF16", "F32", "F64", "C64",
    "I64", "U64", "F7", "\x1b[31m", "",
)  # fmt: skip
_SIZES = (0, 1, 2, 3, 7, 1 << 20, 1 << 31, 1 << 32, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, 1 << 64, 10**30, -1)


def changed_header(rng: random.Random, data: bytes) -> bytes:
    """`data` with a header that says something else; its length is mostly true."""
    length = int.from_bytes(data[:8], "little")
    document, rest = json.loads(data[8 : 8 + length]), data[8 + length :]
    for _ in range(rng.choice([1, 1, 2, 3])):
        rng.choice((_value, _size, _type, _both, _metadata, _name))(rng, document)
    text = json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if rng.random() < 0.25:
        text = _text(rng, text)
    if rng.random() < 0.1:
        rest = rng.choice(BYTEWISE)(rng, rest)
    stated = rng.choice([0, 1 << 22, 1 << 31, 1 << 63, (1 << 64) - 1]) if rng.random() < 0.05 else len(text)
    return stated.to_bytes(8, "little") + text + rest


def _entry(rng: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    entries = [value for key, value in document.items() if key != "__metadata__" and isinstance(value, dict)]
    return rng.choice(entries) if entries else {}


def _value(rng: random.Random, document: dict[str, Any]) -> None:
    holder = rng.choice([document, _entry(rng, document)])
    key = rng.choice([*holder, "extra"])
    if rng.random() < 0.3:
        holder.pop(key, None)
    else:
        holder[key] = rng.choice([*NUMBERS, *STRINGS])


def _size(rng: random.Random, document: dict[str, Any]) -> None:
    entry = _entry(rng, document)
    numbers = entry.get(rng.choice(["shape", "data_offsets"]))
    if isinstance(numbers, list) and numbers:
        numbers[rng.randrange(len(numbers))] = rng.choice([*_SIZES, *NUMBERS])


def _type(rng: random.Random, document: dict[str, Any]) -> None:
    entry = _entry(rng, document)
    entry["dtype"] = rng.choice(_TYPES)
    if rng.random() < 0.5:  # and a shape that fills the same bytes, where the element has two
        offsets = entry.get("data_offsets")
        end = offsets[-1] if isinstance(offsets, list) and offsets else 0  # an earlier change may have left anything
        entry["shape"] = rng.choice([[end], [1] * 100, [], [0, 1 << 62, 1 << 62]])


def _both(rng: random.Random, document: dict[str, Any]) -> None:
    """Two tensors in one place, which is how a small file seems to hold much."""
    offsets = _entry(rng, document).get("data_offsets")
    for _ in range(rng.choice([1, 5])):
        _entry(rng, document)["data_offsets"] = offsets


def _metadata(rng: random.Random, document: dict[str, Any]) -> None:
    own = document.get("__metadata__")
    if isinstance(own, dict) and own and rng.random() < 0.8:
        key = rng.choice(list(own))
        text = own[key]
        if isinstance(text, str):
            deep = "[" * 100_000
            own[key] = rng.choice(
                [
                    deep,
                    rng.choice(BYTEWISE)(rng, text.encode(errors="surrogatepass")).decode("latin-1"),
                    "{}",
                    "null",
                    "[]",
                ]
            )
            return
    document["__metadata__"] = rng.choice(
        [{"golfctl": "{}"}, {"a": 1}, [], None, {"a": {"b": "c"}}, {"\x1b": "\ud800"}]
    )


def _name(rng: random.Random, document: dict[str, Any]) -> None:
    names = [key for key in document if key != "__metadata__"]
    if names:
        new = rng.choice(["\x1b[31m", "\ud800", "a" * 3000, "", "\u202e", "blocks.999999999999.x", "blocks.0.attn.c_q"])
        document[new] = document.pop(rng.choice(names))


def _text(rng: random.Random, text: bytes) -> bytes:
    return rng.choice(
        [
            lambda: b'{"a":' * rng.choice([100, 100_000]),
            lambda: b"[" * 200_000,
            lambda: text[:-1] + b"," + text[1:],  # every key twice
            lambda: text + b" " * rng.choice([1, 7, 5_000_000]),
            lambda: text[:-1] + b',"z":[' + b"[]," * rng.choice([100, 300_000]) + b"0]}",
            lambda: text.replace(b"1", b"9" * 5000, 1),
            lambda: text.replace(b"0", b"NaN", 1),
            lambda: rng.choice(BYTEWISE)(rng, text),
            lambda: b"",
        ]
    )()
