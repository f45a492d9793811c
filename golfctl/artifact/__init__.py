"""Layer 2: the container. Identifiers, lengths and digests; payloads are bytes. Never imports torch or numpy."""

from golfctl.artifact.budget import PROFILES, Budget, check_budget, find_budget
from golfctl.artifact.byte_ledger import LedgerRow, counted_bytes, ledger_of, overhead_bytes, tensor_bytes
from golfctl.artifact.constants import PREDICTED_CODER, Limits
from golfctl.artifact.draft import BlobSection, Draft, Part, Stream, Tensor, TensorSection
from golfctl.artifact.format_rules import RULES, RuleError
from golfctl.artifact.manifest.values import (
    CodeFile,
    ExternalFile,
    Manifest,
    PartEntry,
    SectionEntry,
    TensorEntry,
    TokenizerEntry,
)
from golfctl.artifact.reader import Artifact, open_artifact, read_artifact
from golfctl.artifact.streams import StreamEntry, prediction_work
from golfctl.artifact.writer import encode_artifact, write_artifact

__all__ = [
    "PREDICTED_CODER",
    "PROFILES",
    "RULES",
    "Artifact",
    "BlobSection",
    "Budget",
    "CodeFile",
    "Draft",
    "ExternalFile",
    "LedgerRow",
    "Limits",
    "Manifest",
    "Part",
    "PartEntry",
    "RuleError",
    "SectionEntry",
    "Stream",
    "StreamEntry",
    "Tensor",
    "TensorEntry",
    "TensorSection",
    "TokenizerEntry",
    "check_budget",
    "counted_bytes",
    "encode_artifact",
    "find_budget",
    "ledger_of",
    "open_artifact",
    "overhead_bytes",
    "prediction_work",
    "read_artifact",
    "tensor_bytes",
    "write_artifact",
]
