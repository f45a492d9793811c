"""`inspect --verify`: every payload decoded, every tensor rebuilt by its scheme, the tokenizer against its digest.

Structure and section digests are checked whenever an artifact is opened; nothing here repeats that. It does not check
that the weights are good, or that the model description fits them: `golfctl eval` and `golfctl audit` do.
"""

from collections import defaultdict

import numpy as np

from golfctl.artifact import Artifact, TensorEntry
from golfctl.core.decoding_rules import DecodingError
from golfctl.core.progress import SILENT, Progress
from golfctl.inspection.decoding import check_tokenizer, decoded_blob, decoded_parts
from golfctl.quant import dequantize, part_specs


def verify_payloads(artifact: Artifact, progress: Progress = SILENT) -> int:
    """Decode everything; returns the number of decoded bytes.

    Raises:
        DecodingError: a scheme or coder is unknown, parts do not fit their scheme, or a payload does not decode.
        DependencyError: a coder's library is not installed.
    """
    for tensor in artifact.manifest.tensors:
        _check_parts(tensor, artifact)
    total, parts = 0, defaultdict[str, dict[str, np.ndarray]](dict)
    for tensor, part, array in decoded_parts(artifact, progress):
        parts[tensor.name][part.name] = array
        total += array.nbytes
        if len(parts[tensor.name]) == len(tensor.parts):
            _check_values(tensor, parts.pop(tensor.name), artifact)
    for section in artifact.manifest.sections:
        if section.kind != "tensors":
            total += len(decoded_blob(artifact, section))
    check_tokenizer(artifact)
    return total


def _check_values(tensor: TensorEntry, parts: dict[str, np.ndarray], artifact: Artifact) -> None:
    try:
        dequantize(tensor.scheme, tensor.shape, parts)
    except DecodingError as error:
        raise error.at(f"{artifact.path or 'artifact'}: tensor {tensor.name!r}") from error


def _check_parts(tensor: TensorEntry, artifact: Artifact) -> None:
    where = f"{artifact.path or 'artifact'}: tensor {tensor.name!r} ({tensor.scheme})"
    try:
        specs = part_specs(tensor.scheme, tensor.shape)
    except DecodingError as error:
        raise error.at(where) from error
    found = {part.name: part for part in tensor.parts}
    if set(found) != set(specs):
        raise DecodingError("parts", f"{where}: expected parts {sorted(specs)}, found {sorted(found)}")
    for name, spec in specs.items():
        part = found[name]
        if part.dtype not in spec.dtypes or part.shape != tuple(spec.shape):
            raise DecodingError(
                "parts",
                f"{where}: part {name!r} should be {' or '.join(spec.dtypes)} of shape {list(spec.shape)}, "
                f"found {part.dtype} of shape {list(part.shape)}",
            )
