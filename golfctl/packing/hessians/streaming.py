"""Calibration in bounded memory: moments of a few matrices at a time, one pass over the text for each group.

What a group's pass found goes to a temporary file and comes back matrix by matrix when it is quantised, so that no more
than `MEMORY_BYTES` of sums exist at once, whatever the model. Models whose sums all fit are one group and no file.
"""

import shutil
import tempfile
import weakref
from collections import ChainMap
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from golfctl.core.progress import SILENT, Progress
from golfctl.model.network import LanguageModel
from golfctl.model.roles import Role
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import roles_by_name, shapes_by_name
from golfctl.packing.hessians.collecting import WIDE, collect
from golfctl.packing.hessians.stats_file import StoredStats, write_stats
from golfctl.quant.stats import LayerStats

MEMORY_BYTES = 256 << 20


class SpilledStats(ChainMap[str, LayerStats]):
    """Statistics in temporary files that live as long as this object does."""

    def __init__(self, folder: Path, parts: Sequence[StoredStats]) -> None:
        """`parts` lie in `folder`, which goes with them."""
        super().__init__(*parts)  # type: ignore[arg-type]
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)


def collect_streamed(
    model: LanguageModel,
    ids_NT: Tensor,
    batch: int,
    gradients: bool,
    seed: int,
    progress: Progress = SILENT,
    memory_bytes: int = MEMORY_BYTES,
) -> Mapping[str, LayerStats]:
    """`collect`, in as many passes as keep the sums within `memory_bytes`; the numbers are the same."""
    groups = groups_of(model.spec, gradients, memory_bytes)
    if len(groups) == 1:
        return collect(model, ids_NT, batch, gradients, seed, progress)
    folder, parts = Path(tempfile.mkdtemp(prefix="golfctl-calibration-")), []
    try:
        for i, names in enumerate(groups):
            progress.say(f"calibrating: pass {i + 1} of {len(groups)}")
            found = collect(model, ids_NT, batch, gradients, seed, progress, frozenset(names))
            write_stats(folder / f"{i}.safetensors", found, {})
            parts.append(StoredStats.open(folder / f"{i}.safetensors")[0])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return SpilledStats(folder, parts)


def groups_of(spec: ModelSpec, gradients: bool, memory_bytes: int) -> list[list[str]]:
    """Tensors in order of declaration, cut where the sums of a group would exceed `memory_bytes`."""
    roles, groups, held = roles_by_name(spec), [list[str]()], 0
    for name, shape in shapes_by_name(spec).items():
        if roles[name] is Role.GAIN:
            continue
        size = sum_bytes(shape, gradients)
        if groups[-1] and held + size > memory_bytes:
            groups.append([])
            held = 0
        groups[-1].append(name)
        held += size
    return groups


def sum_bytes(shape: Sequence[int], gradients: bool) -> int:
    """Bytes of the sums of one matrix [R, C], at most."""
    rows, columns = shape[0], shape[-1]
    outputs = 0 if not gradients else rows**2 if rows <= WIDE else rows
    return 4 * (columns**2 + outputs)
