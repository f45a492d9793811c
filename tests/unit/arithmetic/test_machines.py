"""The same bits from other compilers, other processors and other instruction sets."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from golfctl import arithmetic
from golfctl.arithmetic.known_digests import DIGESTS, digests

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "tests/oracles/portable.c"
CASES = 10_000
CAPABILITY = torch.backends.cpu.get_cpu_capability()
X86 = platform.machine() in ("x86_64", "AMD64")

# compiler, its options, what runs the program
BUILDS = {
    "unoptimised": ("gcc", ["-O0"], []),
    "optimised": ("gcc", ["-O3"], []),
    "native": ("gcc", ["-O3", "-march=native"], []),
    "aarch64-unoptimised": ("aarch64-linux-gnu-gcc", ["-O0", "-static"], ["qemu-aarch64"]),
    "aarch64-optimised": ("aarch64-linux-gnu-gcc", ["-O3", "-static"], ["qemu-aarch64"]),
}


def program(build: str, folder: Path) -> list[str]:
    """The command of the oracle, built in that way; skips where a tool is missing."""
    compiler, options, runner = BUILDS[build]
    missing = [tool for tool in (compiler, *runner) if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (.ci/system installs them)")
    made = folder / build
    subprocess.run(
        [compiler, *options, "-ffp-contract=off", str(SOURCE), "-o", str(made), "-lm"], check=True, timeout=120
    )
    return [*runner, str(made)]


def asked(command: list[str], name: str, sizes: tuple[int, ...], *inputs: np.ndarray) -> np.ndarray:
    given = b"".join(np.ascontiguousarray(array).tobytes() for array in inputs)
    arguments = [*command, name, *map(str, sizes)]
    answer = subprocess.run(arguments, input=given, capture_output=True, check=True, timeout=120)
    return np.frombuffer(answer.stdout, inputs[0].dtype)


def equal(found: torch.Tensor, expected: np.ndarray) -> None:
    assert found.numpy().reshape(-1).tobytes() == expected.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("build", BUILDS)
def test_the_definition_in_c(build, tmp_path):
    """10,000 random cases of each kernel."""
    command, random = program(build, tmp_path), np.random.default_rng(7)

    def values(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) * 3).astype(np.float32)

    for name in ("exp", "log", "tanh", "sigmoid", "sin", "cos", "sqrt"):
        x = random.standard_normal(CASES) * 10.0 ** random.integers(-12, 4, CASES)
        x[:4] = 0.0, np.inf, 5e-324, np.nan
        x = abs(x) if name in ("log", "sqrt") else x
        equal(getattr(arithmetic, name)(torch.from_numpy(x)), asked(command, name, (CASES,), x))
    x = values(CASES, 37) * 8
    for name in ("softmax", "log_softmax"):
        equal(getattr(arithmetic, name)(torch.from_numpy(x)), asked(command, name, x.shape, x))
    x, weight = values(101, 45), values(100, 45)
    found = arithmetic.product(torch.from_numpy(x), torch.from_numpy(weight))
    equal(found, asked(command, "product", (101, 45, 100), x, weight))
    q, k, v = values(CASES, 24), values(80, 24), values(80, 24)
    low = random.integers(0, 60, CASES)
    high = low + random.integers(1, 21, CASES)
    shaped = [torch.from_numpy(array)[None, :, None] for array in (q, k, v)]
    found = arithmetic.attend(*shaped, torch.from_numpy(low)[None], torch.from_numpy(high)[None])
    equal(found, asked(command, "attend", (CASES, 80, 24), q, k, v, low, high))
    turns, gain = arithmetic.rotation(10000.0, 16, torch.arange(CASES)), values(1)
    found = arithmetic.align(torch.from_numpy(q)[None, :, None], *turns, torch.from_numpy(gain))
    equal(found, asked(command, "align", (CASES, 24, 8), q, *(turn.numpy() for turn in turns), gain))


def test_the_known_digests():
    assert digests() == DIGESTS


TARGETS = {
    "generic": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
    "nehalem": {"NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": ""},
    "haswell": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+bmi,+bmi2,+lzcnt,+movbe,+popcnt"},
}
WITHOUT_VECTORS_OF_256 = ("generic", "nehalem")
PROBE = """
import json
from golfctl.arithmetic import known_digests
from golfctl.arithmetic.kernels import elementwise, matrix
found = known_digests.digests()
code = "".join(text for kernel in (elementwise._exp, matrix._product) for text in kernel.inspect_asm().values())
print(json.dumps({"digests": found, "wide": "ymm" in code, "fused": "vfmadd" in code or "vfnmadd" in code}))
"""


def probed(folder: Path, variables: dict[str, str]) -> dict:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "OMP_NUM_THREADS": "1", **variables}
    answer = subprocess.run(
        [sys.executable, "-c", PROBE],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=500,
    )
    found: dict = json.loads(answer.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="targets of x86-64")
@pytest.mark.parametrize("target", TARGETS)
def test_other_instruction_sets(target, tmp_path):
    """The code is another one (registers of 256 bits or not), fuses nothing, and gives the same bits."""
    if target == "haswell" and CAPABILITY not in ("AVX2", "AVX512"):
        pytest.skip("this processor has no AVX2")
    found = probed(tmp_path, {**TARGETS[target], "ATEN_CPU_CAPABILITY": "default"})
    assert found["digests"] == DIGESTS
    assert found["wide"] == (target not in WITHOUT_VECTORS_OF_256)
    assert not found["fused"]


@pytest.mark.slow
@pytest.mark.parametrize("capability", ["DEFAULT", "AVX2"])
def test_the_checked_list_under_lesser_capabilities_of_torch(capability):
    """torch takes what the processor has, as in the ordinary tests, and less where it is told to."""
    if CAPABILITY not in {"DEFAULT": ("AVX2", "AVX512"), "AVX2": ("AVX512",)}[capability]:
        pytest.skip(f"the ordinary tests run under {CAPABILITY}")
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": capability.lower()}
    tests = ["tests/unit/arithmetic/test_checked_ops.py", "-q", "-p", "no:cacheprovider"]
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", *tests], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=500
    )
    assert answer.returncode == 0, answer.stdout[-3000:]
