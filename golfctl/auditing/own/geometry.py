"""Smaller windows, batches, chunks and tables for probing, so that a short text meets many of each boundary.

A chunk still holds whole training sequences, and a hashed table gets about as full as such tables do over a whole
validation text, for its collisions are the leak.
"""

from collections.abc import Sequence
from typing import Any

from golfctl.scoring.config import EvalConfig

SEQ_LEN, STRIDE, BATCH, CHUNK, BUCKETS_LOG2 = 64, 16, 4, 128, 9
DOCUMENT = 90  # tokens: out of step with the stride


def probe_config(config: EvalConfig, exact: bool = False) -> EvalConfig:
    """`config` (resolved for its own text) with sizes capped for probing; `exact` leaves it as it is."""
    values = config.to_dict() | {"documents": None, "max_tokens": None}
    if exact:
        return EvalConfig.from_dict(values, "eval")
    seq_len, stride = min(config.seq_len or SEQ_LEN, SEQ_LEN), min(config.stride, STRIDE)
    values |= {"seq_len": seq_len, "stride": min(stride, seq_len), "batch": min(config.batch, BATCH)}
    values["dtype"] = "float32"  # in bfloat16 another shape alone moves scores by more than a small leak does
    if config.ttt is not None and config.ttt.chunk is not None:  # adapters go by windows and have no chunks
        values["ttt"] = {**values["ttt"], "chunk": _chunk(config.ttt.chunk, config.stride, values["stride"])}
    if config.slot is not None:
        values["slot"] = {**values["slot"], "batch_windows": min(config.slot.batch_windows, BATCH)}
    if config.ngram is not None:
        values["ngram"] = {**values["ngram"], "buckets_log2": min(config.ngram.buckets_log2, BUCKETS_LOG2)}
    return EvalConfig.from_dict(values, "eval")


def _chunk(chunk: int, stride: int, small_stride: int) -> int:
    """A smaller chunk that is a multiple of the small stride just where the chunk is one of the stride."""
    if chunk <= CHUNK:
        return chunk
    rest = chunk % stride
    return CHUNK + (max(1, rest * small_stride // stride) if rest else 0)


def probe_starts(config: EvalConfig, length: int) -> Sequence[int]:
    """Where documents begin in a probed text: every 90 tokens, whatever stands there, for stacks that isolate them.

    They come with the text and not from its tokens, so no replaced token moves them.
    """
    return range(0, length, DOCUMENT) if config.context == "documents" else (0,)


def differences(config: EvalConfig, probed: EvalConfig) -> dict[str, Any]:
    """What was changed for probing, for the report: `table.key: [as evaluated, as probed]`."""
    changed: dict[str, Any] = {}
    for key, value in config.to_dict().items():
        other = probed.to_dict()[key]
        if isinstance(value, dict):
            changed |= {f"{key}.{k}": [v, other[k]] for k, v in value.items() if v != other[k]}
        elif value != other:
            changed[key] = [value, other]
    if probed.context == "documents":
        changed["documents of tokens"] = ["the text's", DOCUMENT]
    return changed
