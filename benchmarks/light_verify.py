"""`golfctl inspect --verify` of a full-size artifact in golfctl's own coders, with numba and without it.

The shapes are those of PR #549, every weight coded by `rans/1` or `rans-lp/1`: the most that a light install has to
decode. Processor seconds, so that other work on the machine counts less; five interleaved runs, medians.

    python -m benchmarks.light_verify [--runs 5]
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from golfctl.artifact import Draft, Part, Stream, Tensor, TensorSection, write_artifact
from golfctl.coding import encode
from golfctl.core.machine.environment import describe_environment
from tests.seed_model import MODEL, seed_shapes

RESULT = Path(__file__).parent / "results" / "light_verify.json"
HIDE = "import sys; sys.modules.update(torch=None, numba=None, sentencepiece=None); "
INSPECT = "from golfctl.cli.main import exit_code_of as run; run(['inspect', {!r}, '--verify', '--quiet']) and exit(1)"


def full_size() -> Draft:
    """Random codes as wide as those of a real pack; tensors below 65,536 weights stay float16."""
    random = np.random.default_rng(549)
    tensors, streams, small, values = [], {"rans/1": [], "rans-lp/1": []}, [], b""
    for name, shape in seed_shapes().items():
        if math.prod(shape) <= 65_536:
            tensors.append(Tensor(name, shape, "fp16/1", (Part("values", "float16", shape),)))
            small.append((name, "values"))
            values += np.zeros(shape, np.float16).tobytes()
            continue
        bits, coder = (8, "rans-lp/1") if "emb" in name else (6, "rans/1")
        spread = random.normal(0, 2.5 * 2 ** (bits - 5), shape) * np.exp(random.normal(0, 0.4, shape[1]))
        most = 2 ** (bits - 1) - 1
        codes = np.clip(np.rint(spread), -most, most).astype(np.int8)
        streams[coder].append(Stream(encode(coder, codes), ((name, "codes"),)))
        parts = (Part("codes", "int8", shape), Part("scales", "float16", shape[:1]))
        tensors.append(Tensor(name, shape, f"int{bits}-row/1", parts))
        small.append((name, "scales"))
        values += np.ones(shape[:1], np.float16).tobytes()
    sections = [TensorSection(coder.split("/")[0], coder, tuple(found)) for coder, found in streams.items()]
    sections.append(TensorSection("small", "raw/1", (Stream(values, tuple(small)),)))
    return Draft(model=MODEL, tensors=tuple(tensors), sections=tuple(sections))


def processor_seconds(code: str) -> float:
    """User and system time of one process."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "full.golf"
        size = len(write_artifact(path, full_size()))
        inspect = INSPECT.format(str(path))
        processor_seconds(inspect)  # compiles
        pairs = [(processor_seconds(inspect), processor_seconds(HIDE + inspect)) for _ in range(runs)]
    compiled, plain = (statistics.median(column) for column in zip(*pairs, strict=True))
    result = {
        "command": f"python -m benchmarks.light_verify --runs {runs}", "bytes": size,
        "processor_seconds": {"with numba": round(compiled, 2), "without": round(plain, 2)},
        "environment": describe_environment(),
    }  # fmt: skip
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result["processor_seconds"]))


if __name__ == "__main__":
    main()
