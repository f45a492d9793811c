"""One checkpoint, ready to be packed as often as a search needs: read once, calibrated once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from golfctl.artifact import Artifact, LedgerRow, counted_bytes, encode_artifact, ledger_of, read_artifact
from golfctl.core.progress import SILENT, Progress
from golfctl.errors import ArtifactError
from golfctl.packing.assignment import Assignment, assign
from golfctl.packing.checkpoint import Checkpoint
from golfctl.packing.config import PackConfig
from golfctl.packing.drafting import draft_artifact, tensor_sections
from golfctl.packing.fit.sensitivity import Probe
from golfctl.packing.hessians.calibration import Calibration, model_of
from golfctl.packing.hessians.which_statistics import statistics_for
from golfctl.packing.quantising import quantize_tensors
from golfctl.packing.run_context import RunContext, provenance
from golfctl.packing.unpack import check_tensor_table, decode_parts, model_spec
from golfctl.quant import QuantizedTensor


@dataclass(frozen=True)
class Packed:
    """One packing: the artifact's bytes, and what went into them."""

    config: PackConfig
    assignments: Sequence[Assignment]
    quantized: Mapping[str, QuantizedTensor]
    data: bytes
    origin: dict[str, Any]

    @cached_property
    def artifact(self) -> Artifact:
        """The bytes as a reader sees them."""
        return read_artifact(self.data)

    @property
    def ledger(self) -> list[LedgerRow]:
        """Rows that sum to the counted bytes."""
        return ledger_of(self.artifact)

    @property
    def counted_bytes(self) -> int:
        """Bytes that count against a budget."""
        return counted_bytes(self.ledger)


@dataclass(frozen=True)
class Packer:
    """A checkpoint, what surrounds it, and its calibration."""

    path: Path
    checkpoint: Checkpoint
    context: RunContext
    calibration: Calibration
    progress: Progress = SILENT
    calibration_seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @classmethod
    def prepare(
        cls, path: Path, checkpoint: Checkpoint, context: RunContext, config: PackConfig, data: Path | None,
        progress: Progress = SILENT,
    ) -> "Packer":  # fmt: skip
        """Calibrate as `config` asks, on the dataset `data` where it asks for training text."""
        found = statistics_for(path, checkpoint, config, data, progress)
        return cls(path, checkpoint, context, found.calibration, progress, found.seconds, found.notes)

    def probe(self) -> Probe | None:
        """The model with the text it was calibrated on, to measure changes with; None without text."""
        ids_NT = self.calibration.ids_NT
        return None if ids_NT is None else Probe(model_of(self.checkpoint), ids_NT)

    def pack(self, config: PackConfig) -> Packed:
        """Quantise, code and encode once.

        Raises:
            NumericsError: weights a scheme cannot hold; the tensor is named.
        """
        assignments = assign(self.checkpoint.spec, config)
        quantized = quantize_tensors(self.checkpoint, assignments, self.calibration.stats, self.progress)
        sections = tensor_sections(assignments, quantized, config.coder, self.progress)
        origin = provenance(self.path, self.checkpoint, self.context, config) | {"calibration": self.calibration.source}
        evaluation = self.context.evaluation
        draft = draft_artifact(self.checkpoint, assignments, quantized, sections, config, evaluation, origin)
        return Packed(config, assignments, quantized, encode_artifact(draft), origin)


def check_reads_back(packed: Packed) -> None:
    """Raise ArtifactError unless a reader decodes what the quantiser said, part by part."""
    check_tensor_table(packed.artifact.manifest, model_spec(packed.artifact))
    for name, decoded in decode_parts(packed.artifact).items():
        for part, array in packed.quantized[name].parts.items():
            if not np.array_equal(decoded.parts[part], array):
                raise ArtifactError(f"{name}: part {part!r} does not read back as it was coded; nothing was written")
