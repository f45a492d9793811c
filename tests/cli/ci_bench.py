"""A stand-in for a runner: a clone of an origin with a base branch, and the `run:` steps of a workflow under bash."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from golfctl.artifact import write_artifact
from tests.patience import HANG_SECONDS
from tests.samples import sample_draft

ROOT = Path(__file__).parents[2]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 15900000\n"
GOOD = "model.golf"


def git(folder, *words):
    """Run git with a fixed identity and no configuration of this machine's."""
    fixed = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    names = {f"GIT_{role}_{what}": "t@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, env={**os.environ, **fixed, **names})


class Bench:
    """A shallow clone in `folder` of a repository whose branch `base/line` holds `before` as model.golf."""

    def __init__(self, root: Path, before: bytes | None) -> None:
        self.folder, self.temp = root / "work space", root / "temp"
        origin = root / "origin"
        for folder in (origin, self.temp, root / "bin"):
            folder.mkdir()
        git(origin, "init", "--quiet", "--initial-branch", "base/line")
        (origin / "README").write_text("a repository")
        if before is not None:
            (origin / GOOD).write_bytes(before)
        git(origin, "add", ".")
        git(origin, "commit", "--quiet", "-m", "base")
        git(origin, "checkout", "--quiet", "-b", "topic")
        git(origin, "commit", "--quiet", "--allow-empty", "-m", "topic")
        git(root, "clone", "--quiet", "--depth", "1", "--branch", "topic", f"file://{origin}", str(self.folder))
        self.good = write_artifact(self.folder / GOOD, sample_draft())
        self.environment = self._environment(root / "bin")

    def _environment(self, binaries: Path) -> dict[str, str]:
        program = binaries / "golfctl"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m golfctl "$@"\n')
        program.chmod(0o755)
        (binaries / "python").symlink_to(sys.executable)
        return {
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(self.temp),
            "GITHUB_BASE_REF": "base/line", "GITHUB_ACTION_PATH": str(ROOT), "RUNNER_TEMP": str(self.temp),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary.md"), "GITHUB_OUTPUT": str(self.temp / "output"),
        }  # fmt: skip

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a step's script as the runner does."""
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        variables = self.environment | environment
        return subprocess.run(
            command, cwd=self.folder, env=variables, capture_output=True, text=True, timeout=HANG_SECONDS
        )

    @property
    def summary(self) -> str:
        """What the steps wrote for people."""
        path = self.temp / "summary.md"
        return path.read_text() if path.exists() else ""

    @property
    def outputs(self) -> dict[str, str]:
        """What the steps hand to later ones."""
        lines = (self.temp / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


def steps(path: str) -> list[dict]:
    """The steps of a workflow's only job, or of a composite action."""
    loaded = yaml.safe_load((ROOT / path).read_text())
    if "runs" in loaded:
        return loaded["runs"]["steps"]
    (job,) = loaded["jobs"].values()
    return job["steps"]
