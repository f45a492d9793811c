"""An artifact as it was at a commit, read through git and its filters, which bring git-LFS objects."""

import subprocess
from pathlib import Path

from golfctl.artifact import Artifact, Limits, read_artifact
from golfctl.core.lfs import LfsPointerError
from golfctl.core.text import one_line
from golfctl.errors import DependencyError, InputError

_SECONDS = 600


def artifact_at(ref: str, path: Path) -> Artifact | None:
    """The artifact that lay at `path` in the commit, branch or tag `ref` of its repository; None: there was none.

    Raises:
        InputError: no repository, no such commit, or a git-LFS object that git cannot bring. DependencyError: no git.
        ArtifactError: that artifact is damaged.
    """
    folder = path.parent
    found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode != 0:
        reason = _last_line(found.stderr) or f"fetch it first, such as with `git fetch origin {ref}`"
        raise InputError(f"no commit {ref!r} in the git repository of {folder.resolve()}: {reason}")
    name = f"{found.stdout.decode('ascii').strip()}:./{path.name}"
    if _git(folder, "cat-file", "-e", name).returncode != 0:
        return None
    try:
        return read_artifact(_content(folder, name), path=Path(f"{ref}:{path}"))
    except LfsPointerError as error:
        raise LfsPointerError(error.where, error.object_bytes, f"git lfs fetch origin {ref}") from error


def _content(folder: Path, name: str) -> bytes:
    """The file as a checkout would write it; as it is stored where a filter fails."""
    size = _git(folder, "cat-file", "-s", name)
    if size.returncode != 0 or int(size.stdout) > Limits().file_bytes:
        raise InputError(f"git cannot give {name}: {_last_line(size.stderr) or 'it is larger than an artifact can be'}")
    filtered = _git(folder, "cat-file", "--filters", name)
    return filtered.stdout if filtered.returncode == 0 else _git(folder, "cat-file", "blob", name).stdout


def _git(folder: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, timeout=_SECONDS, check=False)
    except FileNotFoundError as error:
        raise DependencyError("comparing with a commit needs git: install it") from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"git {words[0]} in {folder} gave no answer in {_SECONDS} seconds") from error


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return one_line(lines[-1]) if lines else ""
