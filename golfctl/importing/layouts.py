"""The dicts that the reference programs save, as float tensors and quantised tensors by public name.

Three forms (techniques: PR #549 and successors, the baseline, plain state dicts):
    {"w": {name.q, name.scale | name}, "m": {name: how it was stored}}
    {"__quant_format__": …, "quantized": {…}, "scales": {…}, "passthrough": {…}, …}
    {name: tensor}, possibly under "model", "state_dict" or the like, possibly with banks
Shapes: R rows, C columns, B matrices of a bank.
"""

import re
from typing import Any, NamedTuple

import numpy as np

from golfctl.core.text import printable
from golfctl.errors import CheckpointError
from golfctl.importing import limits
from golfctl.importing.elements import is_float, type_name, values
from golfctl.quant import QuantizedTensor

_NESTED = ("model", "state_dict", "model_state_dict", "ema", "w")
_WRAPPERS = re.compile(r"^((_orig_mod|module)\.)+")
_BITS = re.compile(r"int([2-8])")
_PIECE = 1 << 18
_BANKS = {  # bank: names of its first and second half, or of all of it
    "qo_bank": ("attn.c_q", "attn.proj"),
    "kv_bank": ("attn.c_k", "attn.c_v"),
    "mlp_up_bank": ("mlp.fc",),
    "mlp_down_bank": ("mlp.proj",),
}


class Imported(NamedTuple):
    """Tensors by public name, each in one of the two dicts; `left_out` names what is no tensor of a model.

    Arrays are views of the file; floats of bfloat16 are records (see `elements`).
    """

    layout: str
    floats: dict[str, np.ndarray]
    quantized: dict[str, QuantizedTensor]
    left_out: list[str]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor."""
        whole = {name: array.shape for name, array in self.floats.items()}
        return whole | {name: tensor.shape for name, tensor in self.quantized.items()}


def read_layout(saved: Any, where: str) -> Imported:
    """Recognise and take apart a saved object.

    Raises:
        CheckpointError: of none of the three forms, or a tensor in it cannot be represented; it is named.
    """
    if not isinstance(saved, dict):
        raise CheckpointError(f"{where}: holds a {type(saved).__name__}, not a dict of tensors")
    if isinstance(saved.get("quantized"), dict):
        return _baseline(saved, where)
    if isinstance(saved.get("w"), dict) and isinstance(saved.get("m", {}), dict):
        return _suffixed(saved, where)
    return _state_dict(saved, where)


def _suffixed(saved: dict[str, Any], where: str) -> Imported:
    tensors, meta = _tensors(saved["w"], where), saved.get("m", {})
    floats, quantized = {}, {}
    for name, array in tensors.items():
        base = name.removesuffix(".q")
        if name.endswith(".q") and f"{base}.scale" in tensors:
            quantized[base] = _quantized(base, array, tensors[f"{base}.scale"], _stated_bits(meta.get(base)), where)
        elif not (name.endswith(".scale") and f"{name.removesuffix('.scale')}.q" in tensors):
            floats[name] = array
    left_out = [str(key) for key in saved if key not in ("w", "m")]
    return _split(f"name.q + name.scale ({len(quantized)} quantised)", floats, quantized, left_out, where)


def _baseline(saved: dict[str, Any], where: str) -> Imported:
    codes, scales = _tensors(saved["quantized"], where), _tensors(saved.get("scales", {}), where)
    passed = _tensors(saved.get("passthrough", {}), where)
    if set(codes) != set(scales):
        odd = sorted(set(codes) ^ set(scales))
        raise CheckpointError(f"{where}: {printable(odd[0])} has codes or scales but not both")
    meta = saved.get("qmeta") or {}
    quantized = {name: _quantized(name, codes[name], scales[name], _meta_bits(meta, name), where) for name in codes}
    known = {"__quant_format__", "quantized", "scales", "passthrough", "qmeta", "dtypes", "passthrough_orig_dtypes"}
    stated = saved.get("__quant_format__")
    layout = printable(stated) if isinstance(stated, str) else "quantized + scales"
    return _split(layout, dict(passed), quantized, [str(key) for key in saved if key not in known], where)


def _meta_bits(meta: Any, name: str) -> int | None:
    """What the baseline's bundle says of a tensor's bits: {name: {"bits": n}}."""
    entry = meta.get(name) if isinstance(meta, dict) else None
    bits = entry.get("bits") if isinstance(entry, dict) else None
    return bits if type(bits) is int and 2 <= bits <= 8 else None


def _stated_bits(entry: Any) -> int | None:
    """What the other form says: "int6", or a dict with such a text in it."""
    texts = [entry] if isinstance(entry, str) else entry.values() if isinstance(entry, dict) else []
    found = (_BITS.search(text) for text in texts if isinstance(text, str))
    return next((int(match.group(1)) for match in found if match), None)


def _state_dict(saved: dict[str, Any], where: str) -> Imported:
    nested = next((key for key in _NESTED if isinstance(saved.get(key), dict)), None)
    left_out = [str(key) for key in saved if key != nested] if nested else []
    source = saved[nested] if nested else saved
    if not nested:
        left_out = [str(key) for key, value in source.items() if not isinstance(value, np.ndarray)]
        source = {key: value for key, value in source.items() if isinstance(value, np.ndarray)}
    return _split("state dict", _tensors(source, where), {}, left_out, where)


def _tensors(values: Any, where: str) -> dict[str, np.ndarray]:
    """A dict of arrays by name, without the prefixes of wrappers."""
    if not isinstance(values, dict):
        raise CheckpointError(f"{where}: expected a dict of tensors, found {type(values).__name__}")
    result = {}
    for key, value in values.items():
        if not isinstance(key, str) or not isinstance(value, np.ndarray):
            raise CheckpointError(f"{where}: entry {printable(str(key))} is a {type(value).__name__}, not a tensor")
        name = _WRAPPERS.sub("", key)
        if name in result:
            raise CheckpointError(f"{where}: two tensors are called {printable(name)}")
        result[name] = value
    if not result:
        raise CheckpointError(f"{where}: holds no tensors")
    return result


def _quantized(name: str, codes: np.ndarray, scales: np.ndarray, bits: int | None, where: str) -> QuantizedTensor:
    """Codes [R, C] and their scales [R] or one scale, as a row scheme of `bits`; None: as few as the codes need."""
    shown = f"{where}: {printable(name)}"
    if codes.dtype != np.int8 or codes.ndim != 2 or codes.size == 0 or scales.shape not in ((), (1,), codes.shape[:1]):
        raise CheckpointError(
            f"{shown} has codes {type_name(codes)}{list(codes.shape)} with scales {list(scales.shape)}; only int8 "
            "matrices with one scale per row (or one in all) can be imported"
        )
    halves = _halves(scales, shown)
    least, most = int(codes.min()), int(codes.max())
    bits = bits or (6 if least >= -32 and most <= 31 else 8)
    limit = 1 << (bits - 1)
    if least < -limit or most >= limit:
        raise CheckpointError(f"{shown} is called 'int{bits}', but its codes reach {least} … {most}")
    rows = np.broadcast_to(halves, codes.shape[:1])
    return QuantizedTensor(f"int{bits}-row/1", codes.shape, {"codes": codes, "scales": rows})


def _halves(scales: np.ndarray, shown: str) -> np.ndarray:
    """Scales as float16, exactly; looked at in pieces, since a hostile file may have as many as it has bytes."""
    numbers = values(scales).reshape(-1)
    halves = np.empty(numbers.shape, np.float16)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for at in range(0, numbers.size, _PIECE):
            piece = numbers[at : at + _PIECE]
            halves[at : at + _PIECE] = piece
            if not np.array_equal(halves[at : at + _PIECE].astype(np.float64), piece):
                raise CheckpointError(f"{shown} has scales that are no 16-bit floats and would lose precision")
            if not np.isfinite(piece).all() or (piece < 0).any():
                raise CheckpointError(f"{shown} has a scale that is negative or infinite, which no row scheme holds")
    return halves


def _split(
    layout: str, floats: dict[str, np.ndarray], quantized: dict[str, QuantizedTensor], left_out: list[str], where: str
) -> Imported:
    """Split banks, and check that what is left are floats."""
    for bank, kinds in _BANKS.items():
        if bank in floats:
            slices = _slices(bank, floats.pop(bank), kinds, where)
            if twice := slices.keys() & (floats.keys() | quantized.keys()):
                raise CheckpointError(f"{where}: {min(twice)} stands both in {bank} and beside it")
            floats |= slices
    for name, array in floats.items():
        if not is_float(array):
            raise CheckpointError(
                f"{where}: {printable(name)} holds {type_name(array)}; only floats and quantised matrices are imported"
            )
    return Imported(layout, floats, quantized, sorted(left_out))


def _slices(bank: str, array_BRC: np.ndarray, kinds: tuple[str, ...], where: str) -> dict[str, np.ndarray]:
    if array_BRC.ndim != 3 or len(array_BRC) % len(kinds):
        raise CheckpointError(f"{where}: {bank} has shape {list(array_BRC.shape)}, which is no stack of matrices")
    layers = len(array_BRC) // len(kinds)
    if layers > limits.BANK_LAYERS:
        raise CheckpointError(f"{where}: {bank} holds matrices of {layers:,} layers; no model has as many")
    return {
        f"blocks.{i}.{kind}.weight": array_BRC[half * layers + i]
        for half, kind in enumerate(kinds)
        for i in range(layers)
    }
