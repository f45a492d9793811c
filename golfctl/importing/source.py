"""Any known file as tensors by public name: unpacked, read, its layout recognised.

Nothing here needs torch, so a file that is refused is refused at once.
"""

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from golfctl.core.files import read_bytes
from golfctl.importing import limits
from golfctl.importing.elements import element_type
from golfctl.importing.layouts import Imported, read_layout
from golfctl.importing.torch_file import read_torch
from golfctl.importing.wrappers import Peeled, is_safetensors, peel
from golfctl.packing.safetensors_header import HEADER_BYTES, read_header


class ForeignFile(NamedTuple):
    """What the file at `path` holds, and the bytes it was read from."""

    path: Path
    imported: Imported
    peeled: Peeled


def read_source(source: Path) -> ForeignFile:
    """Read the file at `source`; its arrays are views of its bytes.

    Raises:
        InputError: no such file. CheckpointError: damaged, hostile or unknown.
    """
    where = str(source)
    peeled = peel(read_bytes(source, limits.FILE_BYTES), where)
    data = peeled.data
    saved = _read_safetensors(data, where) if is_safetensors(data) else read_torch(data, where)
    return ForeignFile(source, read_layout(saved, where), peeled)


def _read_safetensors(data: bytes | bytearray, where: str) -> dict[str, Any]:
    """Arrays by name, views of `data`, in the form of the layout that the names tell of."""
    header = read_header(io.BytesIO(data[: 8 + HEADER_BYTES]), len(data), where)
    arrays = {}
    for name, entry in header.entries.items():
        dtype = element_type(entry.element, name, where, entry.dtype)
        items = np.frombuffer(memoryview(data).toreadonly()[entry.start : entry.end], np.uint8)
        arrays[name] = items.view(dtype).reshape(entry.shape)
    suffixed = any(name.endswith(".q") and f"{name[:-2]}.scale" in arrays for name in arrays)
    return {"w": arrays} if suffixed else arrays
