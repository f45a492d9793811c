"""What an artifact holds, to the last byte: the JSON document of `golfctl inspect --json`."""

from collections.abc import Sequence
from typing import Any

from golfctl.artifact import (
    Artifact,
    Budget,
    LedgerRow,
    SectionEntry,
    TensorEntry,
    counted_bytes,
    overhead_bytes,
    tensor_bytes,
)
from golfctl.artifact.byte_ledger import EXTERNAL, TensorBytes
from golfctl.artifact.constants import MANIFEST_CODERS, MANIFEST_SCHEMA
from golfctl.inspection.tensor_groups import group_names

SCHEMA = "inspect/1"
SET_SCHEMA = "inspect-set/1"
Json = dict[str, Any]


def build_report(artifact: Artifact, ledger: Sequence[LedgerRow], budget: Budget | None) -> Json:
    """The report of a checked artifact; `ledger` may hold more external files than the manifest declares.

    Sizes are bytes; `share` is a fraction of `file_bytes`; `bits_per_weight` = 8 · bytes / weights. Nothing is decoded.
    """
    manifest = artifact.manifest
    tensors = _tensors(artifact)
    payload = artifact.file_bytes - overhead_bytes(artifact)
    return {
        "schema": SCHEMA,
        "path": None if artifact.path is None else str(artifact.path),
        "sha256": artifact.sha256,
        "file_bytes": artifact.file_bytes,
        "counted_bytes": counted_bytes(ledger),
        "overhead_bytes": overhead_bytes(artifact),
        "parameters": manifest.parameters,
        "bits_per_weight": _bits(payload, manifest.parameters),
        "budget": None if budget is None else budget.report(list(ledger)),
        "code": _code(artifact, ledger),
        "ledger": [row.to_json() for row in ledger],
        "groups": _groups(tensors, artifact.file_bytes),
        "tensors": tensors,
        "sections": [_section(section) for section in manifest.sections],
        "container": _container(artifact),
        "model": manifest.model,
        "tokenizer": None if manifest.tokenizer is None else manifest.tokenizer.to_json(),
        "evaluation": manifest.evaluation,
        "provenance": manifest.provenance,
        "annotations": manifest.annotations,
        "verified": {"digests": True, "payloads": None},
    }


def _container(artifact: Artifact) -> Json:
    preamble = artifact.preamble
    return {
        "version": preamble.container_version,
        "manifest_schema": MANIFEST_SCHEMA,
        "manifest_coder": MANIFEST_CODERS[preamble.manifest_coder][0],
        "manifest_bytes": preamble.manifest_bytes,
        "manifest_raw_bytes": preamble.manifest_raw_bytes,
    }


def _tensors(artifact: Artifact) -> list[Json]:
    sizes = tensor_bytes(artifact)
    return [_tensor(tensor, sizes[tensor.name], artifact.file_bytes) for tensor in artifact.manifest.tensors]


def _tensor(tensor: TensorEntry, size: TensorBytes, file_bytes: int) -> Json:
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "scheme": tensor.scheme,
        "bytes": size.bytes,
        "bits_per_weight": _bits(size.bytes, tensor.weights),
        "share": size.bytes / file_bytes,
        "exact": size.exact,
        "shared_bytes": size.shared_bytes,
        "parameters": tensor.weights,
        "parts": [{"name": p.name, "dtype": p.dtype, "shape": list(p.shape)} for p in tensor.parts],
    }


def _groups(tensors: Sequence[Json], file_bytes: int) -> list[Json]:
    by_name = {tensor["name"]: tensor for tensor in tensors}
    groups = []
    for group, names in group_names(by_name).items():
        size = sum(by_name[name]["bytes"] for name in names)
        weights = sum(by_name[name]["parameters"] for name in names)
        groups.append(
            {
                "name": group,
                "tensors": len(names),
                "parameters": weights,
                "bytes": size,
                "bits_per_weight": _bits(size, weights),
                "share": size / file_bytes,
            }
        )
    return groups


def _section(section: SectionEntry) -> Json:
    value = section.to_json() | {"offset": section.offset}
    if section.kind == "tensors":
        value["streams"] = len(section.streams)
    return value


def _code(artifact: Artifact, ledger: Sequence[LedgerRow]) -> str:
    if any(section.kind == "code" for section in artifact.manifest.sections):
        return "embedded"
    return "external" if any(row.where == EXTERNAL for row in ledger) else "none"


def _bits(size: int, weights: int) -> float | None:
    return 8 * size / weights if weights else None
