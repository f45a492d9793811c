"""General compressors at their strongest: how to call each, its version here, and how far back it looks.

Libraries are called in this process; bzip3 and zpaq are programs on PATH (`apt-get install bzip3 zpaq`).
"""

import importlib
import importlib.metadata
import importlib.util
import lzma
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

MIB = 1 << 20


class Compressor(NamedTuple):
    """One tool.

    needs: the module or program that must be here. reach_bytes: how far back what it compresses may refer.
    """

    name: str
    needs: str
    version: Callable[[], str]
    pack: Callable[[bytes], bytes]
    unpack: Callable[[bytes], bytes]
    reach_bytes: int
    is_program: bool = False

    @property
    def is_here(self) -> bool:
        """Whether it can be run."""
        if self.is_program:
            return shutil.which(self.needs) is not None
        return importlib.util.find_spec(self.needs) is not None


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)


def _xz_version() -> str:
    return f"lzma of Python {platform.python_version()}"


def _zstd(data: bytes) -> bytes:
    zstd = _module("zstandard")
    parameters = zstd.ZstdCompressionParameters.from_level(22, window_log=27)
    return zstd.ZstdCompressor(compression_params=parameters).compress(data)


def _unzstd(data: bytes) -> bytes:
    return _module("zstandard").ZstdDecompressor(max_window_size=1 << 27).decompress(data)


def _brotli(data: bytes) -> bytes:
    return _module("brotli").compress(data, quality=11, lgwin=24)


def _ppmd(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + _module("pyppmd").compress(
        data, max_order=12, mem_size=256 * MIB, variant="H"
    )


def _unppmd(data: bytes) -> bytes:
    """Variant H has no end mark: the length stands before it, and its four bytes are counted."""
    length = int.from_bytes(data[:4], "little")
    decoder = _module("pyppmd").Ppmd7Decoder(12, 256 * MIB)
    return bytes(decoder.decode(data[4:], length))


def _run(words: list[str | Path], folder: Path, stdin: bytes | None = None) -> bytes:
    return subprocess.run(words, cwd=folder, input=stdin, capture_output=True, check=True).stdout


def _bzip3(data: bytes) -> bytes:
    block = min(511, len(data) // MIB + 1)
    return _run(["bzip3", "-e", "-b", str(block), "-c"], Path.cwd(), data)


def _unbzip3(data: bytes) -> bytes:
    return _run(["bzip3", "-d", "-c"], Path.cwd(), data)


def _zpaq(data: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "t").write_bytes(data)
        _run(["zpaq", "add", "a.zpaq", "t", "-m5", "-t1"], folder)
        return (folder / "a.zpaq").read_bytes()


def _unzpaq(data: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.zpaq").write_bytes(data)
        _run(["zpaq", "extract", "a.zpaq", "-t1"], folder)
        return (folder / "t").read_bytes()


def _program_version(*words: str) -> Callable[[], str]:
    def version() -> str:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if any(map(str.isdigit, line))]
        return lines[0].strip()[:60] if lines else "unknown"

    return version


def _package_version(name: str) -> Callable[[], str]:
    return lambda: f"{name} {importlib.metadata.version(name)} (Python)"


def _zstd_version() -> str:
    zstd = _module("zstandard")
    return f"zstd {'.'.join(map(str, zstd.ZSTD_VERSION))}, zstandard {zstd.__version__} (Python)"


COMPRESSORS = (
    Compressor("xz -9e", "lzma", _xz_version, _xz, lzma.decompress, 64 * MIB),
    Compressor("zstd --ultra -22 --long=27", "zstandard", _zstd_version, _zstd, _unzstd, 128 * MIB),
    Compressor(
        "brotli -q 11 -w 24", "brotli", _package_version("brotli"), _brotli,
        lambda data: _module("brotli").decompress(data), 16 * MIB - 16,
    ),
    Compressor("PPMd H, order 12, 256 MiB", "pyppmd", _package_version("pyppmd"), _ppmd, _unppmd, 64 * MIB),
    Compressor(
        "bzip3, one block", "bzip3", _program_version("bzip3", "--version"), _bzip3, _unbzip3, 511 * MIB, True
    ),
    Compressor("zpaq -m5", "zpaq", _program_version("zpaq"), _zpaq, _unzpaq, 64 * MIB, True),
)  # fmt: skip
