"""The reader of compressed texts as a target: mutated files are read, and decoded where they hold a text whole."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.fuzz.bytewise import BYTEWISE
from golfctl.codec.decompressing import decompress
from golfctl.codec.text_format.patches import unpack_patches
from golfctl.codec.text_format.text_file import TextFile, read_text_file
from golfctl.codec.text_format.text_header import store_header
from golfctl.codec.text_format.text_layout import TextLimits, sealed
from golfctl.codec.text_format.text_rules import TextRuleError
from golfctl.coding import decode_bytes
from golfctl.core.canonical import canonical_json
from golfctl.errors import ArtifactError

GOLDEN = Path(__file__).parents[2] / "tests" / "golden" / "texts"
LIMITS = TextLimits(text_bytes=1 << 24, patch_bytes=1 << 22)
SLACK_BYTES = 256 * 1024 * 1024
_VALUES: tuple[Any, ...] = (
    0,
    1,
    -1,
    2**16,
    2**31,
    2**53,
    0.5,
    True,
    None,
    "",
    "raw/1",
    "lzma/1",
    [],
    {},
    [[]],
    {"a": 1},
)


def seeds() -> list[bytes]:
    """The golden texts."""
    return [path.read_bytes() for path in sorted(GOLDEN.glob("*.glt"))]


def mutant(number: int, seeds: Sequence[bytes]) -> bytes:
    """Case `number`: of four, one is left as it falls, the others are sealed again: header, body, both."""
    rng = random.Random(number)
    data = rng.choice(seeds)
    if number % 4 == 0:
        for _ in range(rng.randint(1, 3)):
            data = rng.choice(BYTEWISE)(rng, data)
        return data
    file = read_text_file(data)
    header, coder, raw_bytes, body = *store_header(file.header), file.body
    if number % 4 != 2:
        header, coder, raw_bytes = _header(rng, file)
    if number % 4 != 1:
        body = rng.choice(BYTEWISE)(rng, body)
    return sealed(header, coder, raw_bytes, body, file.artifact, file.text)


def _header(rng: random.Random, file: TextFile) -> tuple[bytes, int, int]:
    """A stored header with a lie in it, in the JSON or in its bytes."""
    if rng.random() < 0.3:
        stored, coder, raw_bytes = store_header(file.header)
        return (rng.choice(BYTEWISE)(rng, stored) or b"x")[:65535], coder, max(raw_bytes + rng.choice([0, 0, 1, -1]), 1)
    value = json.loads(file.header.text())
    table = value
    while isinstance(inner := table.get(rng.choice(list(table))), dict) and inner and rng.random() < 0.7:
        table = inner
    table[rng.choice([*table, "transform", "tokenizer", "patches", "artifact_bytes"])] = rng.choice(_VALUES)
    text = canonical_json(value)
    return text, 0, len(text)


def growth_bytes(case: bytes) -> int:
    """Memory that handling the case may take."""
    return LIMITS.text_bytes + LIMITS.patch_bytes + SLACK_BYTES


def allowed() -> dict[str, Any]:
    """The limits, for the report."""
    return {"cases": "one of four as it falls, the others sealed again", "growth_bytes": growth_bytes(b""),
            "limits": LIMITS._asdict()}  # fmt: skip


def outcome(case: bytes) -> tuple[str, str]:
    """What became of a case, and what is wrong with that."""
    try:
        file = read_text_file(case, limits=LIMITS)
        rows = file.header.rows
        if rows is None:
            decompress(file, None)
        elif rows.patches:
            unpack_patches(decode_bytes(rows.patches.coder, file.patches, rows.patches.raw_bytes))
    except TextRuleError as error:
        return f"rule {error.rule}", "" if str(error).isprintable() else "a message that cannot be printed"
    except ArtifactError:
        return "patches", ""
    except Exception as error:  # noqa: BLE001 - what the fuzzer looks for
        return "crash", f"{type(error).__name__}: {error}"
    return "read", ""
