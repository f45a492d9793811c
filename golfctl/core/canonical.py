"""Canonical JSON (same value, same bytes) and SHA-256 digests.

A name that is no UTF-8 holds lone surrogates (PEP 383); in JSON each is written as its escape, such as `\\udce9`, and
`json.loads` gives the very name back.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

_CHUNK_BYTES = 1 << 20


def canonical_json(value: Any, unicode_only: bool = False) -> bytes:
    """UTF-8 JSON with sorted keys, no white space, no NaN; equal values give equal bytes.

    Raises:
        ValueError: `value` holds NaN or infinity; with `unicode_only`, a lone surrogate (UnicodeEncodeError).
        TypeError: `value` holds something JSON has no form for.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    lone_surrogates = "strict" if unicode_only else "backslashreplace"  # the latter is how JSON escapes them
    return text.encode("utf-8", lone_surrogates)


def ascii_json(value: Any) -> str:
    """Canonical JSON in printable ASCII alone: whole in every encoding, and nothing in it acts on a terminal.

    Raises:
        ValueError, TypeError: as `canonical_json`.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("\x7f", "\\u007f")


def sha256_bytes(data: bytes | bytearray | memoryview) -> str:
    """Hexadecimal SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def sha256_json(value: Any) -> str:
    """Hexadecimal SHA-256 of the canonical JSON of `value`."""
    return sha256_bytes(canonical_json(value))


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
