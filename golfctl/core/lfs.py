"""git-LFS pointers: the small text that stands in for a large file until `git lfs pull` has fetched it.

Source: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

import re
from pathlib import Path
from typing import Any

from golfctl.errors import InputError

MOST_POINTER_BYTES = 1023  # the specification: shorter than 1,024 bytes
_POINTER = re.compile(
    rb"version https://(?:git-lfs|hawser)\.github\.com/spec/v1\r?\n"
    rb"(?:[a-z0-9.-]+ [^\r\n]*\r?\n)*?"
    rb"size ([0-9]{1,18})\r?\n?"
)


class LfsPointerError(InputError):
    """A file is a git-LFS pointer where the object that it stands for is needed."""

    def __init__(self, where: str, object_bytes: int, advice: str = "git lfs pull") -> None:
        self.where, self.object_bytes = where, object_bytes
        super().__init__(f"{where}: this is a git-LFS pointer for an object of {object_bytes:,} bytes: run `{advice}`")

    @property
    def details(self) -> dict[str, Any]:
        """Size of the object in bytes."""
        return {"object_bytes": self.object_bytes}


def refuse_pointer(data: bytes, where: str) -> None:
    """Raise `LfsPointerError` when `data`, the content of a whole file, is a pointer."""
    found = _POINTER.fullmatch(data) if len(data) <= MOST_POINTER_BYTES else None
    if found:
        raise LfsPointerError(where, int(found[1]))


def refuse_pointer_file(path: Path) -> None:
    """Raise `LfsPointerError` when the file is a pointer; one that cannot be read is left to its reader."""
    try:
        with path.open("rb") as stream:
            head = stream.read(MOST_POINTER_BYTES + 1)
    except OSError:
        return
    refuse_pointer(head, str(path))
