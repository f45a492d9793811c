"""The file that a part leaves: its form, reading it, and whether it stands for a part that is asked for again."""

import json
from pathlib import Path
from typing import Any

from golfctl.core.files import atomic_write
from golfctl.core.schema import document, listing, record

STATUSES = ("passed", "failed", "broken", "timed out", "not here")
_TEXT = {"type": "string"}
_WORDS = {"type": "string", "minLength": 1}
_NUMBER = {"type": ["number", "null"]}
CHECK = record(
    {"name": _WORDS, "verdict": {"enum": ["passed", "failed", "broken", "not here"]}, "note": _TEXT},
    {"value": _NUMBER, "bound": _NUMBER, "trace": _TEXT},
)
IDENTITY = record(
    {"part": _WORDS, "commit": _WORDS, "device": _WORDS, "torch": {"type": ["string", "null"]},
     "arguments": {"type": "object", "additionalProperties": _TEXT}},
    description="what a result belongs to: the same identity, the same result",
)  # fmt: skip
SCHEMA = document(
    "gpu-part-1.json",
    "One part of benchmarks/gpu.sh",
    record(
        {
            "identity": IDENTITY,
            "what": _WORDS,
            "command": _WORDS,
            "status": {"enum": list(STATUSES)},
            "reason": _TEXT,
            "seconds": {"type": "number", "minimum": 0},
            "limit_seconds": {"type": "number", "exclusiveMinimum": 0},
            "machine": {"type": "object"},
            "checks": listing(CHECK),
            "figures": {"type": "object"},
        }
    ),
)


def path_of(out: Path, part: str) -> Path:
    return out / f"{part}.json"


def write(out: Path, found: dict[str, Any], hidden: dict[str, str] | None = None) -> None:
    """Whole or not at all. `hidden`: paths of this machine, and the words that stand for them in the file."""
    text = json.dumps(found, indent=1, allow_nan=False) + "\n"
    for path, word in (hidden or {}).items():
        text = text.replace(path, word)
    atomic_write(path_of(out, found["identity"]["part"]), text.encode())


def read(out: Path, part: str) -> dict[str, Any] | None:
    """The part's file; None where there is none, or one that is no result."""
    try:
        found = json.loads(path_of(out, part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"identity", "status", "checks"} <= found.keys() else None


def stands(found: dict[str, Any] | None, identity: dict[str, Any]) -> bool:
    """Whether a part need not be run again: it passed, with the same code, device, torch and arguments."""
    return found is not None and found["status"] == "passed" and found["identity"] == identity
