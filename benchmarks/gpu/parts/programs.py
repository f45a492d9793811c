"""Other programs: golfctl itself, the benchmarks beside the reference program, torchrun; and the data they all take."""

import json
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO, Any

from benchmarks.gpu.options import ROOT, Options


def program(words: list[str], codes: tuple[int, ...] = (0,)) -> "subprocess.CompletedProcess[str]":
    """Run it and hand on what it says to stderr.

    Raises:
        RuntimeError: it ended with another exit code than `codes`; the message holds its last lines.
    """
    print(f"  $ {' '.join(words)}", file=sys.stderr, flush=True)
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        tail: deque[str] = deque(maxlen=60)
        reader = threading.Thread(target=_hand_on, args=(process.stderr, tail))
        reader.start()
        said = process.stdout.read() if process.stdout else ""
        reader.join()
    code = process.returncode
    if code not in codes:
        last = " | ".join(line for line in (list(tail) or said.splitlines())[-6:] if line)
        raise RuntimeError(f"`{' '.join(Path(word).name for word in words[:4])} …` ended with {code}: {last}")
    return subprocess.CompletedProcess(words, code, said, "\n".join(tail))


def _hand_on(stream: IO[str], tail: deque[str]) -> None:
    for line in stream:
        tail.append(line.rstrip())
        sys.stderr.write(line)


def document(words: list[str]) -> Any:
    """The JSON document that a program prints, alone or as its last line."""
    said = program(words).stdout
    try:
        return json.loads(said)
    except ValueError:
        return json.loads(said.strip().splitlines()[-1])


def golfctl(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "golfctl", *map(str, words)]


def torchrun(ranks: int, words: list[str]) -> list[str]:
    """The same command line on several ranks of this machine."""
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    return [words[0], *launch, *words[1:]]


def benchmark(name: str, *words: str | Path) -> list[str]:
    return [sys.executable, str(Path("benchmarks", f"{name}.py")), *map(str, words)]


def recipe(options: Options) -> Path:
    """The recipe of PR #549, small in the dry form."""
    return Path("examples", "pr549-mini.toml" if options.dry else "pr549.toml")


def data_of(options: Options) -> Path:
    """--data, or the embedded corpus."""
    from golfctl.core.progress import SILENT
    from golfctl.data.text.embedded import embedded_dataset

    return options.data or embedded_dataset(SILENT)
