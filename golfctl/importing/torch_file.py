"""Files of `torch.save` as plain data with numpy arrays: the zip form and the form before it, by our own reader."""

import io
import math
import struct
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from golfctl.errors import CheckpointError
from golfctl.importing.pickle_reader import Build, Machine, Name, Persistent

ZIP_MAGIC = b"PK\x03\x04"
LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_LEGACY_PROTOCOL = 1001
_MOST_DEPTH, _MOST_NODES = 64, 1_000_000
_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bf16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}
_DTYPES = {"float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"}


class _Lazy(NamedTuple):
    """A tensor whose bytes have not been read yet."""

    storage: Any  # the persistent key: ("storage", type, key, location, items[, view])
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def read_torch(data: bytes, where: str) -> Any:
    """The saved object: dicts, lists, tuples, numbers, text and numpy arrays (bfloat16 widened to float32).

    Raises:
        CheckpointError: damaged, of an unknown form, or asking for more than tensors in plain containers.
    """
    if data.startswith(LEGACY_MAGIC):
        return _read_legacy(data, where)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read_zip(archive, where)
    except (zipfile.BadZipFile, EOFError, struct.error, NotImplementedError, ValueError) as error:
        raise CheckpointError(f"{where}: damaged archive: {error}") from error


def _read_zip(archive: zipfile.ZipFile, where: str) -> Any:
    entries = {entry.filename: entry for entry in archive.infolist()}
    for entry in entries.values():
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise CheckpointError(
                f"{where}: entry {entry.filename!r} is compressed or encrypted; torch.save does neither"
            )
    pickles = [name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise CheckpointError(f"{where}: a zip archive, but not one of torch.save (no single data.pkl)")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in entries and archive.read(f"{folder}byteorder") != b"little":
        raise CheckpointError(f"{where}: saved on a big-endian machine; save it again on a little-endian one")
    loaded = _machine(archive.read(pickles[0]), where).load()

    def storage(name: str) -> np.ndarray:
        if f"{folder}data/{name}" not in entries:
            raise CheckpointError(f"{where}: storage {name!r} is missing from the archive")
        return np.frombuffer(archive.read(f"{folder}data/{name}"), np.uint8)

    stored = sum(entry.file_size for entry in entries.values())
    return _with_arrays(loaded, storage, _limit(stored), where)


def _read_legacy(data: bytes, where: str) -> Any:
    machine = _machine(data, where)
    if machine.load() != int.from_bytes(LEGACY_MAGIC[4:14], "little") or machine.load() != _LEGACY_PROTOCOL:
        raise CheckpointError(f"{where}: not a torch.save file of the form before zip")
    system = machine.load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError(f"{where}: saved on a big-endian machine; save it again on a little-endian one")
    loaded = machine.load()
    keys = machine.load()
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise CheckpointError(f"{where}: the list of storages is damaged")
    kinds: dict[str, str] = {}
    _Resolver(where, lambda tensor: kinds.update([_storage_key(tensor.storage, where)[::-1]])).resolve(loaded)
    storages = _legacy_storages(data, machine.at, keys, kinds, where)

    def storage(name: str) -> np.ndarray:
        if name not in storages:
            raise CheckpointError(f"{where}: storage {name!r} is missing")
        return storages[name]

    return _with_arrays(loaded, storage, _limit(len(data)), where)


def _legacy_storages(data: bytes, at: int, keys: list[str], kinds: dict[str, str], where: str) -> dict[str, np.ndarray]:
    """Each storage is a count of items (8 bytes), then the items."""
    storages = {}
    for key in keys:
        if key not in kinds or at + 8 > len(data):
            raise CheckpointError(f"{where}: storage {key!r} is unused or cut off")
        length = struct.unpack_from("<q", data, at)[0] * (2 if kinds[key] == "bf16" else np.dtype(kinds[key]).itemsize)
        if not 0 <= length <= len(data) - at - 8:
            raise CheckpointError(f"{where}: storage {key!r} is cut off")
        storages[key] = np.frombuffer(data, np.uint8, length, at + 8)
        at += 8 + length
    return storages


def _limit(stored_bytes: int) -> int:
    return 8 * stored_bytes + (1 << 20)


def _machine(data: bytes, where: str) -> Machine:
    calls: dict[str, Build] = {
        "collections.OrderedDict": lambda *items: dict(*items),
        "torch._utils._rebuild_tensor_v2": lambda storage, offset, size, stride, *_: _Lazy(
            storage, offset, size, stride
        ),
        "torch._utils._rebuild_tensor": lambda storage, offset, size, stride: _Lazy(storage, offset, size, stride),
        "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
        "torch.Size": lambda *items: tuple(*items),
    }
    return Machine(data, where, calls, _may_be_held)


def _may_be_held(name: Name) -> bool:
    return name.module == "torch" and (name.name in _STORAGES or name.name in _DTYPES)


def _storage_key(key: Any, where: str) -> tuple[str, str]:
    """Element type and name of a storage."""
    value = key.key if isinstance(key, Persistent) else None
    if not isinstance(value, tuple) or len(value) < 5 or value[0] != "storage" or not isinstance(value[1], Name):
        raise CheckpointError(f"{where}: a tensor without a proper storage")
    if value[1].name not in _STORAGES or not isinstance(value[2], str) or (len(value) > 5 and value[5] is not None):
        raise CheckpointError(f"{where}: storage of type {value[1]} is not read here")
    return _STORAGES[value[1].name], value[2]


def _typed(data: np.ndarray, kind: str, where: str) -> np.ndarray:
    size = 2 if kind == "bf16" else np.dtype(kind).itemsize
    if data.size % size:
        raise CheckpointError(f"{where}: a storage of {data.size} bytes is no whole number of {kind} items")
    return data.view("<u2" if kind == "bf16" else kind)


class _Resolver:
    """Replaces every tensor reference in a loaded object; refuses objects that are endless or absurdly nested."""

    def __init__(self, where: str, visit: Callable[[_Lazy], Any]) -> None:
        self._where, self._visit, self._nodes = where, visit, 0

    def resolve(self, value: Any, depth: int = 0) -> Any:
        """`value` with `visit(tensor)` for every tensor; containers stay containers, dtypes become their names."""
        self._nodes += 1
        if depth > _MOST_DEPTH or self._nodes > _MOST_NODES:
            raise CheckpointError(f"{self._where}: containers nested or repeated beyond anything a checkpoint needs")
        if isinstance(value, _Lazy):
            return self._visit(value)
        if isinstance(value, Persistent):
            raise CheckpointError(f"{self._where}: a bare storage, where tensors are expected")
        if isinstance(value, Name):
            return value.name
        if isinstance(value, dict):
            return {key: self.resolve(child, depth + 1) for key, child in value.items()}
        if isinstance(value, list | tuple):
            children = [self.resolve(child, depth + 1) for child in value]
            return children if isinstance(value, list) else tuple(children)
        return value


def _with_arrays(loaded: Any, storages: Callable[[str], np.ndarray], limit_bytes: int, where: str) -> Any:
    """`loaded` with its tensors; together at most `limit_bytes`, since one storage can be named many times."""
    total = 0

    def read(tensor: _Lazy) -> np.ndarray:
        nonlocal total
        kind, name = _storage_key(tensor.storage, where)
        array = _array(tensor, _typed(storages(name), kind, where), kind == "bf16", where)
        total += array.nbytes
        if total > limit_bytes:
            raise CheckpointError(f"{where}: tensors that repeat the same storage to more than {limit_bytes:,} bytes")
        return array

    return _Resolver(where, read).resolve(loaded)


def _array(tensor: _Lazy, items: np.ndarray, brain_float: bool, where: str) -> np.ndarray:
    """The tensor's own copy of its items, checked to lie inside the storage."""
    _, offset, size, stride = tensor
    numbers = [offset, *size, *stride] if isinstance(size, tuple) and isinstance(stride, tuple) else [None]
    if not all(type(n) is int and 0 <= n < 1 << 40 for n in numbers) or len(size) != len(stride):
        raise CheckpointError(f"{where}: a tensor with a damaged shape")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    count = math.prod(size)
    if count and (last >= items.size or count > items.size):
        raise CheckpointError(
            f"{where}: a tensor of shape {list(size)} reaches beyond its storage of {items.size} items"
        )
    if not count:
        return np.zeros(size, np.float32 if brain_float else items.dtype)
    strides = [step * items.itemsize for step in stride]
    array = np.array(np.lib.stride_tricks.as_strided(items[offset:], size, strides), order="C")
    return np.asarray(array.astype(np.uint32) << 16, np.uint32).view(np.float32) if brain_float else array
