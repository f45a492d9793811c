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

from golfctl.errors import CheckpointError
from golfctl.quant import QuantizedTensor

_NESTED = ("model", "state_dict", "model_state_dict", "ema", "w")
_PREFIXES = ("_orig_mod.", "module.")
_BITS = re.compile(r"int([2-8])")
_BANKS = {  # bank: names of its first and second half, or of all of it
    "qo_bank": ("attn.c_q", "attn.proj"),
    "kv_bank": ("attn.c_k", "attn.c_v"),
    "mlp_up_bank": ("mlp.fc",),
    "mlp_down_bank": ("mlp.proj",),
}


class Imported(NamedTuple):
    """Tensors by public name, each in one of the two dicts; `left_out` names what is no tensor of a model."""

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
            quantized[base] = _quantized(base, array, tensors[f"{base}.scale"], str(meta.get(base, "")), where)
        elif not (name.endswith(".scale") and f"{name.removesuffix('.scale')}.q" in tensors):
            floats[name] = array
    left_out = [key for key in saved if key not in ("w", "m")]
    return _split(f"name.q + name.scale ({len(quantized)} quantised)", floats, quantized, left_out, where)


def _baseline(saved: dict[str, Any], where: str) -> Imported:
    codes, scales = _tensors(saved["quantized"], where), _tensors(saved.get("scales", {}), where)
    passed = _tensors(saved.get("passthrough", {}), where)
    if set(codes) != set(scales):
        odd = sorted(set(codes) ^ set(scales))
        raise CheckpointError(f"{where}: {odd[0]} has codes or scales but not both")
    meta = saved.get("qmeta") or {}
    quantized = {name: _quantized(name, codes[name], scales[name], _bits_text(meta, name), where) for name in codes}
    known = {"__quant_format__", "quantized", "scales", "passthrough", "qmeta", "dtypes", "passthrough_orig_dtypes"}
    layout = str(saved.get("__quant_format__", "quantized + scales"))
    return _split(layout, dict(passed), quantized, [key for key in saved if key not in known], where)


def _bits_text(meta: Any, name: str) -> str:
    entry = meta.get(name) if isinstance(meta, dict) else None
    return f"int{entry['bits']}" if isinstance(entry, dict) and "bits" in entry else ""


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
            raise CheckpointError(f"{where}: entry {key!r} is a {type(value).__name__}, not a tensor")
        name = key
        while name.startswith(_PREFIXES):
            name = name.split(".", 1)[1]
        if name in result:
            raise CheckpointError(f"{where}: two tensors are called {name}")
        result[name] = value
    if not result:
        raise CheckpointError(f"{where}: holds no tensors")
    return result


def _quantized(name: str, codes: np.ndarray, scales: np.ndarray, how: str, where: str) -> QuantizedTensor:
    """Codes [R, C] and their scales [R] or one scale, as a row scheme."""
    if codes.dtype != np.int8 or codes.ndim != 2 or codes.size == 0 or scales.shape not in ((), (1,), codes.shape[:1]):
        raise CheckpointError(
            f"{where}: {name} has codes {codes.dtype}{list(codes.shape)} with scales {list(scales.shape)}; only int8 "
            "matrices with one scale per row (or one in all) can be imported"
        )
    rows = np.broadcast_to(scales.astype(np.float32), codes.shape[:1])
    halves = rows.astype(np.float16)
    if not np.array_equal(halves.astype(np.float32), rows):
        raise CheckpointError(f"{where}: the scales of {name} are no 16-bit floats and would lose precision")
    stated = _BITS.search(how)
    bits = int(stated.group(1)) if stated else (6 if codes.min() >= -32 and codes.max() <= 31 else 8)
    limit = 1 << (bits - 1)
    if codes.min() < -limit or codes.max() >= limit:
        raise CheckpointError(f"{where}: {name} is called {how!r}, but its codes reach {codes.min()} … {codes.max()}")
    return QuantizedTensor(f"int{bits}-row/1", codes.shape, {"codes": codes, "scales": halves})


def _split(
    layout: str, floats: dict[str, np.ndarray], quantized: dict[str, QuantizedTensor], left_out: list[str], where: str
) -> Imported:
    """Split banks, and check that what is left are floats."""
    for bank, kinds in _BANKS.items():
        if bank in floats:
            floats |= _slices(bank, floats.pop(bank), kinds, where)
    for name, array in floats.items():
        if array.dtype.kind != "f":
            raise CheckpointError(
                f"{where}: {name} holds {array.dtype}; only floats and quantised matrices are imported"
            )
    return Imported(layout, floats, quantized, sorted(left_out))


def _slices(bank: str, array_BRC: np.ndarray, kinds: tuple[str, ...], where: str) -> dict[str, np.ndarray]:
    if array_BRC.ndim != 3 or len(array_BRC) % len(kinds):
        raise CheckpointError(f"{where}: {bank} has shape {list(array_BRC.shape)}, which is no stack of matrices")
    layers = len(array_BRC) // len(kinds)
    return {
        f"blocks.{i}.{kind}.weight": array_BRC[half * layers + i]
        for half, kind in enumerate(kinds)
        for i in range(layers)
    }
