"""Wheels of this tree and of a next version, and fresh environments that hold exactly what an extra declares.

Heavy libraries are links into the environment that runs the tests: nothing is downloaded, and what is not declared is
not there.
"""

import importlib.metadata
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from golfctl.core.machine.libraries import installed

ROOT = Path(__file__).parents[2]
NEXT = "0.99.0"
BACKEND = "hatchling"


def isolation():
    """Where the build backend is not installed, pip fetches it."""
    return ["--no-build-isolation"] if installed(BACKEND) else []


def source_tree(folder, version=None):
    """A copy of the sources, of another version if one is given."""
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in files.splitlines():
        if (ROOT / name).exists() or (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    if version:
        for name, line in (("pyproject.toml", 'version = "'), ("golfctl/__init__.py", '__version__ = "')):
            text = (folder / name).read_text(encoding="utf-8")
            before = next(row for row in text.splitlines() if row.startswith(line))
            (folder / name).write_text(text.replace(before, f'{line}{version}"'), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """The wheel of this version and of the next."""
    made = []
    for version in (None, NEXT):
        tree, out = source_tree(tmp_path_factory.mktemp("tree"), version), tmp_path_factory.mktemp("wheel")
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", *isolation(), "-w", out, tree]
        subprocess.run(command, check=True)
        made += out.glob("golfctl-*.whl")
        assert not [path for path in tree.iterdir() if path.name in ("build", "dist") or "egg-info" in path.name]
    return made


def declared(extra):
    """Requirements of the package with an extra ('' for none), those of extras within it included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = [Requirement(line) for line in (project["optional-dependencies"][extra] if extra else [])]
    inner = [name for requirement in found if requirement.name == "golfctl" for name in requirement.extras]
    found += [requirement for name in inner for requirement in declared(name)]
    own = {"golfctl"} if installed(BACKEND) else {"golfctl", BACKEND}
    return [Requirement(line) for line in project["dependencies"]] + [r for r in found if r.name not in own]


def closure(requirements):
    """Distributions that pip would install for these, by name."""
    found, pending = {}, [(requirement, "") for requirement in requirements]
    while pending:
        requirement, extra = pending.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = requirement.name.lower().replace("_", "-")
        new = {"", *requirement.extras} - found.get(name, (None, set()))[1]
        if new:
            distribution = importlib.metadata.distribution(name)
            found[name] = (distribution, found.get(name, (None, set()))[1] | new)
            lines = [Requirement(line) for line in distribution.requires or []]
            pending += [(line, kind) for line in lines for kind in new]
    return [distribution for distribution, _ in found.values()]


def size_bytes(distributions):
    """What their files take."""
    return sum(file.size or 0 for distribution in distributions for file in distribution.files)


class Environment:
    """A virtual environment without pip of its own."""

    def __init__(self, folder, extra):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.folder, self.python = folder, folder / "bin" / "python"
        [self.site] = folder.glob("lib/python*/site-packages")
        libraries = folder / "libraries"
        libraries.mkdir()
        for distribution in closure(declared(extra)):
            for name in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
                if not (libraries / name).exists():
                    (libraries / name).symlink_to(distribution.locate_file(name))
        (self.site / "libraries.pth").write_text(f"{libraries}\n")

    def pip(self, *arguments):
        """Install or remove, with nothing fetched but a build backend that is not here."""
        command = [sys.executable, "-m", "pip", "--python", self.python, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def files(self):
        """Every file of golfctl here, with its time of change."""
        paths = [*self.site.glob("*golfctl*"), *self.site.glob("*golfctl*/**/*"), *self.folder.glob("bin/golfctl*")]
        return {str(path.relative_to(self.folder)): path.stat().st_mtime_ns for path in paths if path.is_file()}

    def folders(self):
        """What of golfctl stands in the environment, empty folders included."""
        return [*self.site.glob("*golfctl*"), *self.folder.glob("bin/golfctl*")]

    def golfctl(self, *arguments, home, cwd, **environment):
        """Run the command as installed."""
        env = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "HOME": str(home)} | environment
        command = [self.folder / "bin" / "golfctl", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env)


@pytest.fixture
def environment(tmp_path):
    """A function that makes an environment with what an extra declares."""
    return lambda extra: Environment(tmp_path / f"env-{extra or 'light'}", extra)
