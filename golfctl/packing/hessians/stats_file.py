"""Statistics of matrices in a safetensors file, read matrix by matrix: only those in use are in memory.

`hessian.NAME` [C, C] and, where collected, `gradient.NAME` [R, R] or [R] and `head.NAME` [C, C], fp32; one metadata key
of canonical JSON with the tokens behind each, which are tables, and whatever else the writer has to say.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from golfctl.core.canonical import canonical_json
from golfctl.core.files import atomic_write
from golfctl.core.machine.places import opened_by_library
from golfctl.core.text import printable
from golfctl.errors import CheckpointError
from golfctl.packing.safetensors_header import read_file_header
from golfctl.quant.stats import LayerStats

FORMAT = "golfctl-calibration/2"
_KEY = "golfctl"


class StoredStats(Mapping[str, LayerStats]):
    """Statistics in a file, each read when it is asked for."""

    def __init__(self, path: Path, tokens: Mapping[str, int], tables: Collection[str]) -> None:
        """`tokens` behind each matrix, by name; which of them are tables."""
        self._path, self._tokens, self._tables = path, dict(tokens), frozenset(tables)

    @classmethod
    def open(cls, path: Path) -> tuple["StoredStats", dict[str, Any]]:
        """The statistics in `path`, and its header.

        Raises:
            InputError: no such file. CheckpointError: damaged, or of another format.
        """
        metadata, entries = read_file_header(path)
        try:
            header = json.loads(metadata[_KEY])
            if header["format"] != FORMAT:
                raise CheckpointError(
                    f"{path} has format {printable(str(header['format']))!r}; this version reads {FORMAT!r}"
                )
            tokens = {str(name): int(count) for name, count in header["tokens"].items()}
            if missing := sorted(f"hessian.{name}" for name in tokens if f"hessian.{name}" not in entries):
                raise CheckpointError(f"{path} lacks {missing[0]}: calibrate again")
            return cls(path, tokens, header["tables"]), header
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise CheckpointError(f"{path} is truncated or holds no calibration statistics: {error}") from error

    def __getitem__(self, name: str) -> LayerStats:
        tokens = self._tokens[name]
        try:
            with opened_by_library(self._path) as file, safetensors.safe_open(file, framework="pt") as stream:
                held = set(stream.keys())
                keys = (f"gradient.{name}", f"head.{name}")
                gradient, head_CC = (stream.get_tensor(key) if key in held else None for key in keys)
                hessian_CC = stream.get_tensor(f"hessian.{name}")
                return LayerStats(hessian_CC, gradient, tokens, name in self._tables, head_CC)
        except (safetensors.SafetensorError, OSError) as error:
            raise CheckpointError(f"{self._path} holds no statistics of {name}: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokens)

    def __len__(self) -> int:
        return len(self._tokens)


def write_stats(path: Path, stats: Mapping[str, LayerStats], header: Mapping[str, Any]) -> None:
    """Write atomically, with `header` beside the tokens and tables.

    Raises:
        StorageError: the disk refuses.
    """
    tensors: dict[str, Tensor] = {}
    tokens, tables = {}, []
    for name, one in sorted(stats.items()):
        tokens[name] = one.tokens
        tables += [name] * one.table
        parts = {"hessian": one.hessian_CC, "gradient": one.gradient, "head": one.head_CC}
        tensors |= {f"{part}.{name}": tensor.contiguous() for part, tensor in parts.items() if tensor is not None}
    known = {"format": FORMAT, "tokens": tokens, "tables": tables, **header}
    atomic_write(path, safetensors.torch.save(tensors, {_KEY: canonical_json(known).decode("utf-8")}))
