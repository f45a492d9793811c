"""Coded arrays that no scheme holds, so that no artifact can: `streams.json`, by name.

`python -m tests.golden.make_streams` adds what is not there yet and never changes an entry.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from golfctl.coding import encode
from tests.golden.make import bell

TABLE = Path(__file__).parent / "streams.json"


def arrays():
    """Coder and array by name."""
    return {
        "rans-int8-one-axis": ("rans/1", bell(1, (40,), 20).astype(np.int8)),
        "rans-int8-three-axes": ("rans/1", bell(2, (4, 5, 6), 20).astype(np.int8)),
        "rans-int16-no-axis": ("rans/1", np.array(-12345, np.int16)),
        "rans-uint8": ("rans/1", (128 + bell(3, (7, 9), 60)).astype(np.uint8)),
        "rans-uint8-ends": ("rans/1", np.array([[0, 255, 128], [255, 0, 1]], np.uint8)),
        "rans-uint16": ("rans/1", (30_000 + bell(4, (7, 9), 20_000)).astype(np.uint16)),
        "rans-uint16-ends": ("rans/1", np.array([[0, 65_535, 1]], np.uint16)),
        "rans-int32-ends": ("rans/1", np.array([[-(1 << 31), (1 << 31) - 1, 0]], np.int32)),
        "zstd-uint16-planes": ("zstd/1", bell(5, (5, 6), 20_000).astype(np.uint16)),
        "brotli-int16-transposed": ("brotli/1", bell(6, (5, 3, 2), 20_000).astype(np.int16)),
    }


def main():
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    for name, (coder, array) in arrays().items():
        layout = {"layout": name.split("-")[-1]} if coder in ("zstd/1", "brotli/1") else {}
        if name not in table:
            table[name] = {
                "coder": coder,
                "dtype": array.dtype.name,
                "shape": list(array.shape),
                "payload": encode(coder, array, **layout).hex(),
                "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
            }
    TABLE.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
