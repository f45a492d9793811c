"""Smaller windows, batches and chunks for probing, so that a short text has many of each boundary."""

from typing import Any

from golfctl.scoring.config import EvalConfig

SEQ_LEN, STRIDE, BATCH, CHUNK = 256, 32, 4, 160


def probe_config(config: EvalConfig, exact: bool = False) -> EvalConfig:
    """`config` (its `seq_len` resolved) with sizes capped for probing; `exact` leaves it as it is.

    A chunk that is no multiple of the stride stays one: its remainder modulo the stride is kept, scaled.
    """
    if exact:
        return config
    values = config.to_dict()
    seq_len, stride = min(config.seq_len or SEQ_LEN, SEQ_LEN), min(config.stride, STRIDE)
    values |= {"seq_len": seq_len, "stride": min(stride, seq_len), "batch": min(config.batch, BATCH)}
    if config.ttt is not None:
        values["ttt"] = {**values["ttt"], "chunk": _chunk(config.ttt.chunk, config.stride, values["stride"])}
    if config.slot is not None:
        values["slot"] = {**values["slot"], "batch_windows": min(config.slot.batch_windows, BATCH)}
    return EvalConfig.from_dict(values, "eval")


def _chunk(chunk: int, stride: int, small_stride: int) -> int:
    if chunk <= CHUNK:
        return chunk
    rest = chunk % stride
    base = CHUNK // small_stride * small_stride
    return base + (max(1, rest * small_stride // stride) if rest else 0)


def differences(config: EvalConfig, probed: EvalConfig) -> dict[str, Any]:
    """What was changed for probing, for the report: `table.key: [as evaluated, as probed]`."""
    changed: dict[str, Any] = {}
    for key, value in config.to_dict().items():
        other = probed.to_dict()[key]
        if isinstance(value, dict):
            changed |= {f"{key}.{k}": [v, other[k]] for k, v in value.items() if v != other[k]}
        elif value != other:
            changed[key] = [value, other]
    return changed
