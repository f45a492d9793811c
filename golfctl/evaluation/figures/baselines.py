"""What general compressors make of the held-out documents: the yardstick a language model has to beat.

Documents are compressed as one concatenated file. A *primed* row knows the training text first, as the model does:
bytes(training + held-out) − bytes(training), which is what a compressor's state is worth. Optional libraries (brotli,
pyppmd, bz3) give rows when they are installed; absent ones are named.
"""

import bz2
import importlib
import lzma
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import zstandard

from golfctl.core.machine.libraries import install_line, installed
from golfctl.core.progress import SILENT, Progress
from golfctl.data.dataset import Dataset
from golfctl.errors import DataError

PRIMER_LIMIT_BYTES = 32 << 20  # within every window below; a longer training text is used from its end
_WINDOW_LOG = 27

Compress = Callable[[bytes], int]


@dataclass(frozen=True)
class Baseline:
    """One compressor's result on the held-out documents."""

    name: str
    bytes: int
    bpb: float
    seconds: float
    primed: bool


@dataclass(frozen=True)
class _Compressor:
    name: str
    module: str | None  # optional library that must be importable
    size: Compress
    primes: bool  # its window or model reaches over the whole primer


def _xz(data: bytes) -> int:
    return len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


def _bzip2(data: bytes) -> int:
    return len(bz2.compress(data, 9))


def _zstd(data: bytes) -> int:
    parameters = zstandard.ZstdCompressionParameters.from_level(22, window_log=_WINDOW_LOG)
    return len(zstandard.ZstdCompressor(compression_params=parameters).compress(data))


def _brotli(data: bytes) -> int:
    return len(importlib.import_module("brotli").compress(data, quality=11, lgwin=24))


def _ppmd(data: bytes) -> int:
    """Shkarin's PPMd, variant H, as in 7-Zip."""
    return len(importlib.import_module("pyppmd").compress(data, max_order=12, mem_size=256 << 20, variant="H"))


def _bzip3(data: bytes) -> int:
    """Burrows–Wheeler with context mixing, one block."""
    return len(importlib.import_module("bz3").compress(data, block_size=max(len(data), 65 << 10)))


COMPRESSORS = (
    _Compressor("xz -9e", None, _xz, primes=True),
    _Compressor("bzip2 -9", None, _bzip2, primes=False),
    _Compressor("zstd --ultra -22 --long=27", None, _zstd, primes=True),
    _Compressor("brotli -11", "brotli", _brotli, primes=False),
    _Compressor("PPMd H, order 12", "pyppmd", _ppmd, primes=True),
    _Compressor("bzip3", "bz3", _bzip3, primes=False),
)


def compressor_baselines(
    documents: list[bytes],
    primer: bytes | None = None,
    progress: Progress = SILENT,
    divisor: int | None = None,
) -> list[Baseline]:
    """Bits per byte of each compressor at hand; with a `primer` also the primed rows.

    `divisor`: the bytes to divide by, where they are not those of the documents.

    Raises:
        DataError: no held-out text.
    """
    text = b"".join(documents)
    if not text:
        raise DataError("no held-out text to compress")
    primer = primer[-PRIMER_LIMIT_BYTES:] if primer else None
    present = [compressor for compressor in COMPRESSORS if compressor.module is None or installed(compressor.module)]
    absent = [compressor.name for compressor in COMPRESSORS if compressor not in present]
    if absent:
        progress.say(f"not measured here: {', '.join(absent)} ({install_line('bz3')})")
    jobs = [(compressor, False) for compressor in present]
    jobs += [(compressor, True) for compressor in present if compressor.primes and primer]
    rows = []
    with progress.task("general compressors", len(jobs), "runs") as task:
        for compressor, primed in jobs:
            rows.append(_measure(compressor, text, primer if primed else None, divisor or len(text)))
            task.advance()
    return rows


def compressor_rows(dataset: Dataset, progress: Progress = SILENT) -> list[dict[str, Any]]:
    """The rows for a dataset's held-out documents, primed with its training text, as plain JSON values.

    Compressors get what the tokens decode to, since the model is asked for no more, and the same divisor.
    """
    held, primer = dataset.validation(), dataset.training_text(PRIMER_LIMIT_BYTES)
    rows = compressor_baselines(held.decoded_texts(), primer, progress, held.carried_bytes)
    return [asdict(row) for row in rows]


def _measure(compressor: _Compressor, text: bytes, primer: bytes | None, divisor: int) -> Baseline:
    start = time.perf_counter()
    size = compressor.size(text) if primer is None else compressor.size(primer + text) - compressor.size(primer)
    seconds = round(time.perf_counter() - start, 3)
    return Baseline(compressor.name, size, 8 * size / divisor, seconds, primer is not None)
