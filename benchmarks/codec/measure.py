"""One tool on one text: bytes, bits per byte, and the processor's seconds in both directions."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from benchmarks.codec.compressors import Compressor
from benchmarks.codec.texts import Text

T = TypeVar("T")


def cpu_seconds() -> float:
    """Processor time of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What `work` returned, and its processor seconds."""
    start = cpu_seconds()
    found = work()
    return found, round(cpu_seconds() - start, 3)


def plain_row(tool: Compressor, text: Text) -> dict[str, Any]:
    """The text by itself, decoded again and compared.

    Raises:
        SystemExit: the tool gave another text back.
    """
    packed, pack_s = timed(lambda: tool.pack(text.data))
    back, unpack_s = timed(lambda: tool.unpack(packed))
    if back != text.data:
        raise SystemExit(f"{tool.name}: gave another text back than {text.name}")
    return {**row(tool.name, len(packed), text), "pack_cpu_s": pack_s, "unpack_cpu_s": unpack_s}


def primed_row(tool: Compressor, text: Text, most_bytes: int) -> dict[str, Any]:
    """Bytes that the text adds to those of its training text, or of as much of its end as the tool reaches over."""
    room = min(most_bytes, tool.reach_bytes - len(text.data))
    primer = text.primer[-room:]
    size = len(tool.pack(primer + text.data)) - len(tool.pack(primer))
    return {**row(tool.name, size, text), "primer_bytes": len(primer)}


def row(name: str, size: int, text: Text) -> dict[str, Any]:
    """What every row has."""
    return {"tool": name, "bytes": size, "bpb": round(8 * size / len(text.data), 5)}
