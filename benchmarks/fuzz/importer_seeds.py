"""Valid files of every form that a checkpoint comes in, small enough to be read a hundred times a second."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch

from golfctl.evaluation.ledger import Ledger
from golfctl.evaluation.resume import Savepoint
from golfctl.evaluation.timing.clock import Clock
from golfctl.model.spec import ModelSpec
from golfctl.packing.checkpoint import Checkpoint, write_checkpoint
from golfctl.packing.hessians.stats_file import write_stats
from golfctl.quant.stats import LayerStats
from golfctl.training.run.state import Position, TrainingState, write_state
from tests.unit.importing import reference_files as files

SPEC = {
    "vocab_size": 16, "layers": 2, "dim": 8, "attention": {"heads": 2, "kv_heads": 1}, "feed_forward": {"hidden": 16},
    "parts": {"bigram": {"buckets": 8, "dim": 4}, "smear": {}, "value_embedding": {"dim": 4, "layers": "last 1"}},
}  # fmt: skip


class Case(NamedTuple):
    """A file, and by which door it comes in."""

    door: str
    data: bytes


def importer_seeds() -> list[Case]:
    """The same list on every machine with one version of torch."""
    tensors = files.weights(SPEC)
    brain = {name: tensor.bfloat16() for name, tensor in tensors.items()}
    large = files.weights()  # of matrices that those programs quantise
    mixed, _ = files.mixed(large)
    baseline, _ = files.baseline(large)
    nested = {"model": tensors, "step": 5, "optimizer": {"state": {0: torch.zeros(3)}, "groups": [{"lr": 0.1}]}}
    objects: list[Any] = [tensors, brain, mixed, baseline, nested, {"a": torch.zeros(4, dtype=torch.float8_e4m3fn)}]
    saved = [files.saved(obj, legacy) for obj in objects for legacy in (False, True)]
    parts = safetensors.torch.save({name: tensor.contiguous() for name, tensor in brain.items()})
    codes = safetensors.torch.save({name: tensor.contiguous() for name, tensor in mixed["w"].items()}, {"m": "x"})
    quantised = files.saved(mixed), files.saved(baseline, legacy=True), codes
    artifacts = [Case("import as artifact", data) for data in quantised]
    return [Case("import", data) for data in (*saved, parts, codes)] + artifacts + _own(tensors)


def _own(tensors: dict[str, torch.Tensor]) -> list[Case]:
    """The safetensors files that golfctl writes itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_checkpoint(folder / "checkpoint", Checkpoint(ModelSpec.from_dict(SPEC), tensors))
        write_state(folder / "state", TrainingState(Position(step=3), {"parameter.a": torch.ones(4, 2)}))
        write_stats(folder / "statistics", {"a": LayerStats(torch.eye(3), None, 5, False, None)}, {"source": "x"})
        ledger = Ledger(20)
        ledger.append(0, torch.ones(10, dtype=torch.float64).numpy())
        Savepoint(folder / "savepoint", {"a": 1}, Clock(), every_s=0.0).after_block(object(), ledger)  # type: ignore[arg-type]
        return [Case(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]
