"""The largest artifact the limits allow, from a few kilobytes: decoding stays within limits + 256 MB (design 5)."""

import pytest

from benchmarks.fuzz import artifact as fuzz
from benchmarks.fuzz.judge import judge
from golfctl.artifact import Draft, Limits, Part, Stream, Tensor, TensorSection, encode_artifact
from golfctl.coding import encode

ROWS, COLUMNS = 1 << 13, 1 << 14  # 2^27 weights: the format's limit


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["int8-row/1", "grid/1", "ternary-group/1"])
@pytest.mark.parametrize("coder", ["zlib/1", "lzma/1", "zstd/1"])
def test_a_bomb_of_the_largest_size(monkeypatch, scheme, coder):
    import numpy as np

    parts = {"codes": ("int8", (ROWS, COLUMNS))}
    if scheme == "ternary-group/1":
        size = ROWS * COLUMNS
        parts = {"trits": ("uint8", (-(-size // 5),)), "scales": ("float16", (size // 128,))}
    elif scheme == "grid/1":
        parts |= {"rows": ("int8", (ROWS,)), "columns": ("int8", (COLUMNS,)), "step": ("float32", (1,))}
    else:
        parts |= {"scales": ("float16", (ROWS,))}
    streams = []
    for name, (dtype, shape) in parts.items():
        level = {"lzma/1": {"preset": 1}, "zlib/1": {"level": 1}, "zstd/1": {"level": 3}}[coder]
        streams.append(
            Stream(
                encode(coder, np.full(shape, 121 if name == "trits" else 1, dtype), **level), (("bomb.weight", name),)
            )
        )
    tensor = Tensor("bomb.weight", (ROWS, COLUMNS), scheme, tuple(Part(n, d, s) for n, (d, s) in parts.items()))
    data = encode_artifact(Draft(model={}, tensors=(tensor,), sections=(TensorSection("bomb", coder, tuple(streams)),)))
    assert len(data) < 1_000_000
    limits = Limits()
    monkeypatch.setattr(fuzz, "LIMITS", limits)
    verdict = judge(fuzz, data)
    assert verdict.outcome == "decoded" and not verdict.fault, verdict
