"""From what a pickle holds to plain containers of arrays: each tensor a view of its storage, checked to lie inside it.

No tensor is copied here, whatever its strides: a view costs nothing, so a file cannot ask for memory that it does not
have. What tensors come to together is limited all the same, since somebody will read them.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from golfctl.core.text import printable
from golfctl.errors import CheckpointError
from golfctl.importing import limits
from golfctl.importing.elements import ELEMENTS, OTHERS, STORAGES, element_type
from golfctl.importing.pickle_reader import Build, Name, Persistent

_UNTYPED = Name("torch.storage", "UntypedStorage")


class Lazy(NamedTuple):
    """A tensor whose bytes have not been looked at; `element` is a `Name` where its storage has no type."""

    storage: Any  # a persistent key: ("storage", type, key, location, items[, view])
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    element: Any = None


class Storage(NamedTuple):
    """What a tensor says of its storage: the name of its elements ("" where the tensor knows) and its key."""

    element: str
    key: str


def may_be_held(name: Name) -> bool:
    """Whether a pickle may refer to `name`: a type of storage or of elements."""
    return name == _UNTYPED or (name.module == "torch" and (name.name in STORAGES or _is_type(name)))


def _is_type(name: Any) -> bool:
    return isinstance(name, Name) and name.module == "torch" and (name.name in ELEMENTS or name.name in OTHERS)


def calls() -> dict[str, Build]:
    """The names that a pickle may call, and what they mean here: none does work that grows with its arguments."""
    return {
        "collections.OrderedDict": _no_items,
        "torch._utils._rebuild_tensor": lambda *place: Lazy(*place[:4]),
        "torch._utils._rebuild_tensor_v2": lambda *place: Lazy(*place[:4]),
        "torch._utils._rebuild_tensor_v3": lambda *place: Lazy(*place[:4])._replace(element=place[6]),
        "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
        "torch.Size": lambda sizes=(): sizes,
    }


def _no_items() -> dict[Any, Any]:
    """An ordered dict begins empty; items are set one by one, as on any other."""
    return {}


def storage_of(tensor: Lazy, where: str) -> Storage:
    """What `tensor` says of its storage.

    Raises:
        CheckpointError: it says nothing that makes sense.
    """
    said = tensor.storage.key if isinstance(tensor.storage, Persistent) else None
    if not isinstance(said, tuple) or len(said) < 5 or said[0] != "storage" or not isinstance(said[1], Name):
        raise CheckpointError(f"{where}: a tensor without a proper storage")
    kind, key = said[1], said[2]
    if not isinstance(key, str) or (len(said) > 5 and said[5] is not None):
        raise CheckpointError(f"{where}: a tensor without a proper storage")
    if kind == _UNTYPED:
        return Storage("", key)
    if kind.name not in STORAGES:
        raise CheckpointError(f"{where}: storage of type {kind} is not read here")
    return Storage(STORAGES[kind.name], key)


def each_tensor(loaded: Any, visit: Callable[[Lazy, str], Any], where: str) -> Any:
    """`loaded` with `visit(tensor, path)` for every tensor; containers stay containers, types become their names.

    Raises:
        CheckpointError: endless or absurdly nested, too many tensors, or it holds something else than plain values.
    """
    return _Walk(visit, where).resolve(loaded)


def with_arrays(loaded: Any, storages: Callable[[str], np.ndarray], file_bytes: int, where: str) -> Any:
    """`loaded` with an array for every tensor, each a read-only view of `storages(key)` (bytes).

    Raises:
        CheckpointError: as `each_tensor`; elements that are not imported, a shape that does not fit its storage, or
            tensors that come to more than a few times the file.
    """
    total, limit = 0, limits.REPEATED * file_bytes + (1 << 20)

    def read(tensor: Lazy, path: str) -> np.ndarray:
        nonlocal total
        storage = storage_of(tensor, where)
        named = tensor.element.name if _is_type(tensor.element) else "elements without a type"
        dtype = element_type(storage.element or named, path, where)
        array = _array(tensor, _typed(storages(storage.key), dtype, where), where)
        total += array.nbytes
        if total > limit:
            raise CheckpointError(f"{where}: tensors that repeat the same storage to more than {limit:,} bytes")
        return array

    return each_tensor(loaded, read, where)


class _Walk:
    def __init__(self, visit: Callable[[Lazy, str], Any], where: str) -> None:
        self._visit, self._where = visit, where
        self._nodes = self._tensors = 0
        self._path: list[Any] = []  # keys and indices that lead to the value at hand

    def resolve(self, value: Any) -> Any:
        self._nodes += 1
        if len(self._path) > limits.DEPTH or self._nodes > limits.NODES:
            raise CheckpointError(f"{self._where}: containers nested or repeated beyond anything a checkpoint needs")
        if isinstance(value, Lazy):
            return self._tensor(value)
        if isinstance(value, Name):
            return value.name
        if isinstance(value, Persistent):
            raise CheckpointError(f"{self._where}: a bare storage, where tensors are expected")
        if isinstance(value, dict):
            return {key: self._child(key, child) for key, child in value.items()}
        if isinstance(value, list | tuple):
            children = [self._child(i, child) for i, child in enumerate(value)]
            return children if isinstance(value, list) else tuple(children)
        return value

    def _child(self, key: Any, child: Any) -> Any:
        self._path.append(key)
        resolved = self.resolve(child)
        self._path.pop()
        return resolved

    def _tensor(self, tensor: Lazy) -> Any:
        self._tensors += 1
        if self._tensors > limits.TENSORS:
            raise CheckpointError(f"{self._where}: more than {limits.TENSORS:,} tensors")
        return self._visit(tensor, ".".join(printable(str(part)) for part in self._path[-3:]))


def _typed(data: np.ndarray, dtype: np.dtype, where: str) -> np.ndarray:
    if data.size % dtype.itemsize:
        raise CheckpointError(f"{where}: a storage of {data.size} bytes is no whole number of {dtype} items")
    return data.view(dtype)


def _array(tensor: Lazy, items: np.ndarray, where: str) -> np.ndarray:
    """A read-only view of `items`, checked to lie inside."""
    offset, size, stride = tensor.offset, tensor.size, tensor.stride
    if not isinstance(size, tuple) or not isinstance(stride, tuple) or len(size) != len(stride):
        raise CheckpointError(f"{where}: a tensor with a damaged shape")
    if len(size) > limits.DIMENSIONS:
        raise CheckpointError(f"{where}: a shape of {len(size)} dimensions; at most {limits.DIMENSIONS} are read here")
    if not all(type(n) is int and 0 <= n <= limits.ITEMS for n in (offset, *size, *stride)):
        raise CheckpointError(f"{where}: a tensor with a damaged shape")
    if math.prod(max(n, 1) for n in size) > limits.ITEMS:
        raise CheckpointError(f"{where}: a tensor of shape {list(size)}, which no storage can hold")
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count and (last >= items.size or count > items.size):
        raise CheckpointError(
            f"{where}: a tensor of shape {list(size)} reaches beyond its storage of {items.size} items"
        )
    if not count:
        return np.zeros(size, items.dtype)
    strides = [step * items.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(items[offset:], size, strides, writeable=False)
