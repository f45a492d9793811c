"""Element types of foreign tensors: which are read, under what name each file form has them, and their exact values.

numpy has no bfloat16: such an array is carried as records of one field of that name, a view of the file like any
other, and widened to float32 (exactly) where its values are needed. Floats of 8 bits and fewer are refused: they
mean nothing without scales, for which no layout read here has a place; so are complex numbers.
"""

import numpy as np

from golfctl.core.text import printable
from golfctl.errors import CheckpointError

_BRAIN = np.dtype([("bfloat16", "<u2")])
ELEMENTS: dict[str, np.dtype] = {
    "float64": np.dtype("<f8"), "float32": np.dtype("<f4"), "float16": np.dtype("<f2"), "bfloat16": _BRAIN,
    "int64": np.dtype("<i8"), "int32": np.dtype("<i4"), "int16": np.dtype("<i2"), "int8": np.dtype("i1"),
    "uint64": np.dtype("<u8"), "uint32": np.dtype("<u4"), "uint16": np.dtype("<u2"), "uint8": np.dtype("u1"),
    "bool": np.dtype("?"),
}  # fmt: skip
OTHERS = {
    "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2",
    "complex32", "complex64", "complex128",
}  # fmt: skip
STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}  # fmt: skip


def element_type(name: str, tensor: str, where: str, written: str = "") -> np.dtype:
    """The numpy type of elements called `name`; `written` is what the file calls them, where that is another word.

    Raises:
        CheckpointError: no such elements are imported; the message names the tensor and the type.
    """
    if name not in ELEMENTS:
        kind = f"{written} ({name})" if written else name
        raise CheckpointError(
            f"{where}: tensor {printable(tensor)} holds {kind}, which is not imported: save it as float32, float16 or "
            "bfloat16, or as int8 codes beside a scale per row"
        )
    return ELEMENTS[name]


def type_name(array: np.ndarray) -> str:
    """What the elements of `array` are called."""
    return array.dtype.names[0] if array.dtype.names else str(array.dtype)


def is_float(array: np.ndarray) -> bool:
    """Whether the elements are floating-point numbers."""
    return array.dtype == _BRAIN or array.dtype.kind == "f"


def values(array: np.ndarray) -> np.ndarray:
    """The elements as numbers numpy knows: bfloat16 becomes float32, exactly; everything else is as it stands."""
    if array.dtype != _BRAIN:
        return array
    wide: np.ndarray = np.asarray(array["bfloat16"].astype(np.uint32) << 16, np.uint32).view(np.float32)
    return wide


def float_values(array: np.ndarray, tensor: str, where: str) -> np.ndarray:
    """The elements as float16 where they are that, else as float32.

    Raises:
        CheckpointError: a float64 that float32 cannot hold.
    """
    numbers = values(array)
    if numbers.dtype != np.float64:
        return numbers
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        narrow = numbers.astype(np.float32)
    if not np.array_equal(narrow, numbers, equal_nan=True):
        raise CheckpointError(
            f"{where}: tensor {printable(tensor)} holds float64 numbers that float32 "
            "cannot hold; round it before it is imported"
        )
    return narrow
