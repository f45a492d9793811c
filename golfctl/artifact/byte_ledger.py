"""The byte ledger of a file, and the bytes of each tensor. Every count is exact; what is shared out is flagged."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from golfctl.artifact.constants import PREAMBLE_BYTES
from golfctl.artifact.reader import Artifact

FILE, EXTERNAL = "file", "external"


class LedgerRow(NamedTuple):
    """One counted thing; rows `where` "file" sum to the size of the file."""

    name: str
    bytes: int
    where: str

    def to_json(self) -> dict[str, Any]:
        """The JSON object of this row."""
        return self._asdict()


class TensorBytes(NamedTuple):
    """Stored bytes of one tensor, and how many of them were shared out of streams that hold several tensors."""

    bytes: int
    shared_bytes: int

    @property
    def exact(self) -> bool:
        """Whether all bytes belong to this tensor alone."""
        return self.shared_bytes == 0


def ledger_of(artifact: Artifact) -> list[LedgerRow]:
    """Rows of the file in file order, then the external files that the manifest declares."""
    manifest = artifact.manifest
    rows = [
        LedgerRow("preamble", PREAMBLE_BYTES, FILE),
        LedgerRow("manifest", artifact.preamble.manifest_bytes, FILE),
        *(LedgerRow(section.name, section.bytes, FILE) for section in manifest.sections),
    ]
    return rows + [LedgerRow(file.name, file.bytes, EXTERNAL) for file in manifest.external]


def counted_bytes(ledger: Sequence[LedgerRow]) -> int:
    """All bytes that count against a budget."""
    return sum(row.bytes for row in ledger)


def overhead_bytes(artifact: Artifact) -> int:
    """Bytes of the file that are no tensor payload."""
    payload = sum(section.bytes for section in artifact.manifest.sections if section.kind == "tensors")
    return artifact.file_bytes - payload


def tensor_bytes(artifact: Artifact) -> dict[str, TensorBytes]:
    """Stored bytes by tensor name; over all tensors they sum to the bytes of the tensor sections."""
    total: defaultdict[str, int] = defaultdict(int)
    shared: defaultdict[str, int] = defaultdict(int)
    for stream in artifact.streams():
        raw: defaultdict[str, int] = defaultdict(int)
        for tensor, part in stream.holdings:
            raw[tensor.name] += part.raw_bytes
        for name, share in zip(raw, share_out(stream.bytes, list(raw.values())), strict=True):
            total[name] += share
            shared[name] += 0 if stream.exact else share
    return {tensor.name: TensorBytes(total[tensor.name], shared[tensor.name]) for tensor in artifact.manifest.tensors}


def share_out(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` in whole units by positive `weights`: largest remainder, ties to the first; sums exactly."""
    whole = sum(weights)
    shares = [amount * weight // whole for weight in weights]
    remainders = [amount * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for i in by_remainder[: amount - sum(shares)]:
        shares[i] += 1
    return shares
