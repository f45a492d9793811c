"""The same evaluation on several processes that talk over gloo, as `torchrun` starts them."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from golfctl.auditing.ahead import Started, ignore
from golfctl.auditing.foreign.posted_scores import PostedScores, read_ledger
from golfctl.auditing.foreign.trace import last_words
from golfctl.errors import InputError
from golfctl.scoring.config import EvalConfig


class RanksBox:
    """A black box that scores on `world` processes of the CPU within `seconds`; `started` is told of each."""

    def __init__(
        self,
        artifact: Path,
        config: EvalConfig,
        vocab_size: int,
        world: int,
        seconds: float,
        started: Started = ignore,
    ) -> None:
        self.name, self.vocab_size = f"{world} ranks", vocab_size
        self._artifact, self._config, self._world = artifact, config, world
        self._seconds, self._started = seconds, started

    def score(self, texts: Sequence[np.ndarray]) -> list[PostedScores]:
        """All texts in one launch.

        Raises:
            InputError: a process failed or all took too long.
        """
        with tempfile.TemporaryDirectory(prefix="golfctl-audit-") as name:
            folder = Path(name)
            for i, text_N in enumerate(texts):
                (folder / f"{i:05d}.bin").write_bytes(np.ascontiguousarray(text_N, "<u2").tobytes())
            settings = {"artifact": str(self._artifact.resolve()), "config": self._config.to_dict(), "folder": name}
            (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
            self._launch(folder)
            return [read_ledger(folder / f"{i:05d}.ledger") for i in range(len(texts))]

    def _launch(self, folder: Path) -> None:
        command = [sys.executable, "-m", "golfctl.auditing.own.rank_evaluation", str(folder / "settings.json")]
        shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(self._world),
                  "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}  # fmt: skip
        with (folder / "stderr").open("wb+") as errors:
            processes = [
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                    env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                )
                for rank in range(self._world)
            ]  # fmt: skip
            try:
                for process in processes:
                    self._started(process)
                self._wait(processes)
                if any(process.returncode for process in processes):
                    raise InputError(f"{self.name}: {last_words(errors) or 'a rank ended without a word'}")
            finally:
                for process in processes:
                    process.kill()
                    process.wait()

    def _wait(self, processes: "list[subprocess.Popen[bytes]]") -> None:
        until = time.monotonic() + self._seconds
        while any(process.poll() is None for process in processes):
            if any(process.returncode for process in processes):
                return
            if time.monotonic() > until:
                raise InputError(f"{self.name}: still running after {self._seconds:.0f} s")
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
