"""Files beside the artifact that count against a budget: those the manifest declares, and those named now."""

from collections.abc import Sequence
from pathlib import Path

from golfctl.artifact import ExternalFile, LedgerRow
from golfctl.artifact.byte_ledger import EXTERNAL
from golfctl.core.canonical import sha256_bytes
from golfctl.core.files import read_bytes
from golfctl.errors import InputError


def count_files(
    ledger: Sequence[LedgerRow], declared: Sequence[ExternalFile], paths: Sequence[Path]
) -> list[LedgerRow]:
    """The ledger with a row for every file of `paths`; one that the manifest declares is compared, not counted twice.

    Raises:
        InputError: a file is missing, given twice, or differs from what the manifest declares under its name.
    """
    rows, known = list(ledger), {file.name: file for file in declared}
    seen: set[str] = set()
    for path in paths:
        data, name = read_bytes(path), path.name
        if name in seen:
            raise InputError(f"--count {path}: a file of that name is counted already")
        seen.add(name)
        if name not in known:
            rows.append(LedgerRow(name, len(data), EXTERNAL))
        elif (len(data), sha256_bytes(data)) != (known[name].bytes, known[name].sha256):
            raise InputError(
                f"--count {path}: {len(data):,} bytes, but the artifact declares {known[name].bytes:,} bytes "
                f"with sha256 {known[name].sha256} under that name: pack again, or give the file it was packed with"
            )
    return rows
