"""The command line: where things lie, which parts are wanted, and what identifies the arguments of a part."""

import argparse
import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Options:
    """What was asked for; paths are absolute."""

    peer: Path | None
    parity: Path
    data: Path | None
    out: Path
    parts: tuple[str, ...]
    again: bool
    dry: bool

    @property
    def device(self) -> str:
        return "cpu" if self.dry else "cuda"

    def words(self) -> list[str]:
        """The options as the child process gets them."""
        paths = {"--peer": self.peer, "--parity": self.parity, "--data": self.data, "--out": self.out}
        found = [word for name, path in paths.items() if path for word in (name, str(path))]
        return [*found, "--dry"] if self.dry else found

    def command(self, part: str) -> str:
        """The line to type for one part, without anybody's paths."""
        words = ["benchmarks/gpu.sh", "--part", part]
        words += ["--peer", "PEER"] if self.peer else []
        words += ["--parity", "PARITY"] if self.parity != default_parity() else []
        words += ["--data", "DATA"] if self.data else []
        return " ".join([*words, "--dry"] if self.dry else words)

    def hidden(self) -> dict[str, str]:
        """Paths that do not belong into a result, and what stands for them, the longest first."""
        named = {self.peer: "PEER", self.data: "DATA", self.parity: "PARITY", self.out: "OUT", ROOT: ".",
                 Path.home(): "~", Path(sys.prefix): "PYTHON"}  # fmt: skip
        known = {str(path): word for path, word in named.items() if path}
        return dict(sorted(known.items(), key=lambda item: -len(item[0])))

    def identity(self, uses: tuple[str, ...]) -> dict[str, str]:
        """A digest of each argument that a part uses: same digests, same arguments."""
        paths = {"peer": self.peer and self.peer / "train_gpt.py", "parity": self.parity, "data": self.data}
        digests = {name: digest_of(path) for name in uses if (path := paths[name])}
        return {"dry": str(self.dry), **digests}


def default_parity() -> Path:
    return ROOT / "tests" / "fixtures" / "parity"


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of a folder's names and sizes."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listing = "\n".join(f"{file.relative_to(path)} {file.stat().st_size}" for file in files)
    return hashlib.sha256(listing.encode()).hexdigest()


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="benchmarks/gpu.sh", description="see the head of benchmarks/gpu.sh")
    for name in ("--peer", "--parity", "--data", "--out"):
        found.add_argument(name, type=Path)
    found.add_argument("--part", action="append", default=[], metavar="N|NAME")
    for name in ("--again", "--dry", "--list"):
        found.add_argument(name, action="store_true")
    return found


def read(words: list[str], known: tuple[str, ...]) -> Options:
    """Options from the command line; `known` are the names of the parts. Ends the process (2) on a contradiction."""
    line = parser()
    given = line.parse_args(words)
    if given.list:
        line.exit(0, "".join(f"{number:3}  {name}\n" for number, name in enumerate(known, 1)))
    out = _absolute(given.out)
    if given.dry and out and out.is_relative_to(RESULTS):
        line.error(f"--dry leaves no results in {RESULTS.relative_to(ROOT)}: give another --out, or none")
    if out is None:
        out = Path(tempfile.mkdtemp(prefix="golfctl-gpu-")) if given.dry else RESULTS / "gpu"
    peer = _absolute(given.peer)
    if peer and peer.name == "train_gpt.py":
        peer = peer.parent
    for name, path, wanted in (("peer", peer, "train_gpt.py"), ("parity", _absolute(given.parity), "."),
                               ("data", _absolute(given.data), ".")):  # fmt: skip
        if path and not (path / wanted).exists():
            line.error(f"--{name} {path}: there is no {wanted if wanted != '.' else 'such folder'}")
    parts = []
    for wanted in given.part:
        name = known[int(wanted) - 1] if wanted.isdigit() and 0 < int(wanted) <= len(known) else wanted
        if name not in known:
            line.error(f"--part {wanted}: there are parts 1 to {len(known)}: {', '.join(known)}")
        parts.append(name)
    parity = _absolute(given.parity) or default_parity()
    return Options(peer, parity, _absolute(given.data), out, tuple(parts or known), given.again, given.dry)


def _absolute(path: Path | None) -> Path | None:
    """Paths are relative to where the user stood, not to the repository that gpu.sh changes to."""
    return path and Path(os.environ.get("GPU_SH_FROM", "."), path).resolve()
