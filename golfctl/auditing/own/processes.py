"""golfctl's own evaluation in other processes: traced, on several ranks, and fed through a pipe."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from golfctl.auditing.ahead import Started, ignore
from golfctl.auditing.foreign.feeder import Fed, feed
from golfctl.auditing.foreign.trace import Trace, run_traced
from golfctl.auditing.own.ranks_box import RanksBox
from golfctl.data.dataset import Dataset
from golfctl.scoring.config import EvalConfig

_WORLD = 2


def trace_evaluation(
    artifact: Path,
    config: EvalConfig,
    device: torch.device,
    dataset: Dataset,
    threads: int,
    seconds: float,
    started: Started = ignore,
) -> Trace:
    """Evaluate one document in a process of its own whose data folder holds no training shard, within `seconds`."""
    with tempfile.TemporaryDirectory(prefix="golfctl-audit-") as name:
        folder = Path(name)
        data = folder / "held-out"
        data.mkdir()
        for shard in dataset.val_shards:
            (data / shard.name).symlink_to(shard.resolve())
        (data / "tokenizer.model").write_bytes(dataset.tokenizer.proto)
        settings = _settings(folder, artifact, config, device, data=str(data), threads=threads)
        command = [sys.executable, "-m", "golfctl.auditing.own.traced_evaluation", settings]
        return run_traced(command, folder, seconds, started)


def feed_evaluation(
    artifact: Path, config: EvalConfig, device: torch.device, vocab_size: int, seconds: float, started: Started = ignore
) -> Callable[[np.ndarray], Fed] | None:
    """The evaluation as a scorer that is fed a token at a time; None for stacks that cannot go row by row."""
    if config.leaks or (config.ttt is not None and config.ttt.form == "lora"):
        return None

    def fed(text_N: np.ndarray) -> Fed:
        with tempfile.TemporaryDirectory(prefix="golfctl-audit-") as name:
            settings = _settings(Path(name), artifact, config, device, tokens=len(text_N))
            command = [sys.executable, "-m", "golfctl.auditing.own.fed_evaluation", settings]
            return feed(command, text_N, vocab_size, seconds, "the fed evaluation", started)

    return fed


def ranks_box(
    artifact: Path, config: EvalConfig, device: torch.device, vocab_size: int, seconds: float, started: Started = ignore
) -> tuple[RanksBox | None, str]:
    """The evaluation on two processes, or why it is not tried."""
    if config.leaks:
        return None, "not on several ranks: leaking forms are replayed on one process"
    if device.type != "cpu":
        return None, f"not on several ranks: they are run on the CPU, this audit on {device.type}"
    return RanksBox(artifact, config, vocab_size, _WORLD, seconds, started), ""


def _settings(folder: Path, artifact: Path, config: EvalConfig, device: torch.device, **more: object) -> str:
    path = folder / "settings.json"
    values = {"artifact": str(artifact.resolve()), "config": config.to_dict(), "device": str(device), **more}
    path.write_text(json.dumps(values), encoding="utf-8")
    return str(path)
