"""Writing an artifact where a file stands already: another artifact gives way and is named, anything else does not.

Packing a run again over its own artifact is the daily work of tuning, so it is not refused; what is lost is said.
"""

from pathlib import Path
from typing import NamedTuple

from golfctl.artifact.constants import MAGIC
from golfctl.core.canonical import sha256_file
from golfctl.core.machine.places import check_output
from golfctl.errors import UsageError


class Replaced(NamedTuple):
    """An artifact that another one was written over."""

    file_bytes: int
    sha256: str

    def note(self, path: Path, file_bytes: int, sha256: str) -> str:
        """What happened to it, for people."""
        if sha256 == self.sha256:
            return f"{path} was there already, with the same {file_bytes:,} bytes (sha256 {sha256[:16]}…)"
        return (
            f"{path} replaced: {self.file_bytes:,} bytes (sha256 {self.sha256[:16]}…) → "
            f"{file_bytes:,} bytes (sha256 {sha256[:16]}…)"
        )


def replaceable(path: Path) -> Replaced | None:
    """The artifact at `path`, which may be written over; None where there is nothing to lose.

    Raises:
        UsageError: what is there is no artifact. StorageError: no file can be written there.
    """
    check_output(path)
    if not path.is_file() or not (size := path.stat().st_size):
        return None
    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            raise UsageError(f"{path} is there and is no .golf artifact: remove it, or name another --out")
    return Replaced(size, sha256_file(path))
