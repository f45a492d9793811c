"""Files of `torch.save` as plain data with numpy arrays: the zip form and the form before it, by our own reader."""

import struct
from typing import Any

import numpy as np

from golfctl.core.text import printable
from golfctl.errors import CheckpointError
from golfctl.importing.elements import ELEMENTS, element_type
from golfctl.importing.pickle_reader import Machine
from golfctl.importing.tensors import Lazy, calls, each_tensor, may_be_held, storage_of, with_arrays
from golfctl.importing.zip_reader import Archive

LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_LEGACY_PROTOCOL = 1001


def read_torch(data: bytes | bytearray, where: str) -> Any:
    """The saved object: dicts, lists, tuples, numbers, text and numpy arrays, which are views of `data`.

    Raises:
        CheckpointError: damaged, of an unknown form, or asking for more than tensors in plain containers.
    """
    if data.startswith(LEGACY_MAGIC):
        return _read_legacy(data, where)
    return _read_zip(Archive(data, where), len(data), where)


def _read_zip(archive: Archive, file_bytes: int, where: str) -> Any:
    pickles = [name for name in archive.names if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise CheckpointError(f"{where}: a zip archive, but not one of torch.save (no single data.pkl)")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in archive and archive.read(f"{folder}byteorder") != b"little":
        raise CheckpointError(f"{where}: saved on a big-endian machine; save it again on a little-endian one")
    loaded = _machine(bytes(archive.read(pickles[0])), where).load()
    storages: dict[str, np.ndarray] = {}

    def storage(key: str) -> np.ndarray:
        if f"{folder}data/{key}" not in archive:
            raise CheckpointError(f"{where}: storage {printable(key)} is missing from the archive")
        if key not in storages:
            storages[key] = np.frombuffer(archive.read(f"{folder}data/{key}"), np.uint8)
        return storages[key]

    return with_arrays(loaded, storage, file_bytes, where)


def _read_legacy(data: bytes | bytearray, where: str) -> Any:
    machine = _machine(data, where)
    magic, protocol = machine.load(), machine.load()
    if type(magic) is not int or magic != int.from_bytes(LEGACY_MAGIC[4:14], "little") or protocol != _LEGACY_PROTOCOL:
        raise CheckpointError(f"{where}: not a torch.save file of the form before zip")
    system = machine.load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError(f"{where}: saved on a big-endian machine; save it again on a little-endian one")
    loaded, keys = machine.load(), machine.load()
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise CheckpointError(f"{where}: the list of storages is damaged")
    elements: dict[str, str] = {}

    def note(tensor: Lazy, path: str) -> None:
        found = storage_of(tensor, where)
        if found.element:
            element_type(found.element, path, where)
        elements[found.key] = found.element

    each_tensor(loaded, note, where)
    storages = _legacy_storages(data, machine.at, keys, elements, where)

    def storage(key: str) -> np.ndarray:
        if key not in storages:
            raise CheckpointError(f"{where}: storage {printable(key)} is missing")
        return storages[key]

    return with_arrays(loaded, storage, len(data), where)


def _legacy_storages(
    data: bytes | bytearray, at: int, keys: list[str], elements: dict[str, str], where: str
) -> dict[str, np.ndarray]:
    """Each storage is a count of items (8 bytes), then the items; of bytes where it has no type."""
    storages: dict[str, np.ndarray] = {}
    view = memoryview(data).toreadonly()
    for key in keys:
        element = elements.get(key)
        if element is None or at + 8 > len(data):
            raise CheckpointError(f"{where}: storage {printable(key)} is unused or cut off")
        item_bytes = ELEMENTS[element].itemsize if element else 1
        length = struct.unpack_from("<q", data, at)[0] * item_bytes
        if not 0 <= length <= len(data) - at - 8:
            raise CheckpointError(f"{where}: storage {printable(key)} is cut off")
        storages[key] = np.frombuffer(view, np.uint8, length, at + 8)
        at += 8 + length
    return storages


def _machine(data: bytes | bytearray, where: str) -> Machine:
    return Machine(data, where, calls(), may_be_held)
