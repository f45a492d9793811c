"""golfctl on the same texts: the commands as people type them, each in a process of its own."""

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.codec.measure import row, timed
from benchmarks.codec.texts import Text


class Ours:
    """`golfctl compress` and `decompress` with one artifact and one stack."""

    def __init__(self, model: Path, label: str, stack: str) -> None:
        self.model, self.label, self.stack = model, label, shlex.split(stack)
        self.name = f"golfctl, {label}{f', {stack}' if stack else ''}"

    @property
    def model_bytes(self) -> int:
        """Bytes of the artifact, which both sides must have."""
        return self.model.stat().st_size

    def row(self, text: Text) -> dict[str, Any]:
        """One text, whole.

        Raises:
            SystemExit: a command failed, or gave another text back.
        """
        size, pack_s, unpack_s = self._there_and_back(text.data)
        return {**row(self.name, size, text), "model_bytes": self.model_bytes,
                "bpb_with_model": round(8 * (size + self.model_bytes) / len(text.data), 5),
                "pack_cpu_s": pack_s, "unpack_cpu_s": unpack_s}  # fmt: skip

    def short_row(self, texts: list[bytes]) -> dict[str, Any]:
        """Every text in a file of its own; one artifact for all."""
        sizes, pack_s, unpack_s = zip(*map(self._there_and_back, texts), strict=True)
        total = sum(map(len, texts))
        return {"tool": self.name, "bytes": sum(sizes), "bpb": round(8 * sum(sizes) / total, 5),
                "shared_bytes": self.model_bytes, "pack_cpu_s": round(sum(pack_s), 3),
                "unpack_cpu_s": round(sum(unpack_s), 3)}  # fmt: skip

    def _there_and_back(self, data: bytes) -> tuple[int, float, float]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "text").write_bytes(data)
            words = ["compress", "text", "-m", str(self.model.absolute()), "-o", "packed", "--no-verify", *self.stack]
            _, pack_s = timed(lambda: _golfctl(words, folder))
            words = ["decompress", "packed", "-m", str(self.model.absolute()), "-o", "back"]
            _, unpack_s = timed(lambda: _golfctl(words, folder))
            if (folder / "back").read_bytes() != data:
                raise SystemExit(f"{self.name}: gave another text back")
            return (folder / "packed").stat().st_size, pack_s, unpack_s


def _golfctl(words: list[str], folder: Path) -> Any:
    command = [sys.executable, "-m", "golfctl", *words, "--json", "--quiet"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"golfctl {' '.join(words)}: exit code {done.returncode}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)
