"""The wheel alone, in an empty folder with an empty HOME: README's commands as they stand, and every recipe.

The wheel goes into a new environment that sees this one's libraries, so that nothing is downloaded. What README leaves
to its reader (a text folder, a run, an artifact) is made before; placeholders, shortened clocks and lines that do not
run here are the tables below.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from golfctl.core.packaged import recipe_facts, recipe_names, recipe_text
from tests.unit.importing import reference_files
from tests.unit.submission.test_submission import BPB, CODE, claim, log

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SOURCES = ("golfctl", "schemas", "examples", "pyproject.toml", "README.md", "LICENSE")
BUILD = """
import importlib, pathlib, sys, tomllib
backend = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["build-system"]["build-backend"]
print(getattr(importlib.import_module(backend), f"build_{sys.argv[1]}")(sys.argv[2]))
"""

FIRST = ("golfctl quickstart", "golfctl train", "golfctl pack --bits 6 --lzma 9", "golfctl eval --ttt --slot-steps 5")
MEANT = {r"(?<!-o )\bm\.golf": "runs/NAME/model.golf", r"\bDIR\b": "record"}
SHORTER = {
    "golfctl quickstart": "golfctl quickstart --seconds 5",
    "golfctl train": "golfctl train --seconds 5",
    "golfctl train pr549-mini": "golfctl train pr549-mini --seconds 5",
    "golfctl eval m.golf --strict": "golfctl eval m.golf --strict --set eval.max_tokens=300",
    "golfctl eval m.golf --rolling --proof proof.glt": "golfctl eval m.golf --rolling --proof proof.glt --documents 1",
    "golfctl pack --fit --budget 16000000 --margin 20000": (
        "golfctl pack --fit --budget 16000000 --margin 20000 --calibration train:8192"
    ),
}
SAYS_NO = {"golfctl compare base/*.json -- new/*.json": 6}  # one run a side, and no better: nothing is shown
NOT_HERE = {
    "torchrun --nproc-per-node 8 -m golfctl train recipe.toml": "eight processes; test_chain.py trains with two",
    "golfctl eval --ttt --ngram 7 --ladder": "names how a figure was measured; the same with m.golf is run",
}
OTHER_PROGRAMS = ("cd ", "git ", "make", "pip ", "pytest", "python ", ".ci/")  # they set golfctl up, or test it


def readme_commands() -> list[str]:
    """Every command of README in the order in which they stand, blocks and tables alike, each once."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = []
    for block, row in re.findall(r"^```bash\n(.*?)^```|^(\|[^\n]*)", text, re.DOTALL | re.MULTILINE):
        if block:
            lines = [line.partition("  #")[0].strip() for line in block.splitlines()]
            found += [line for line in lines if line and not line.startswith("#")]
        else:
            found += re.findall(r"`((?:golfctl|torchrun) [^`]*)`", row)
    return [command for command in dict.fromkeys(found) if not command.startswith(OTHER_PROGRAMS)]


def built(kind: str, folder: Path) -> Path:
    """An sdist or a wheel made from a clean copy of the sources, as pip would make it."""
    sources, out = folder / f"sources-{kind}", folder / kind
    out.mkdir()
    sources.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, sources / name, symlinks=True)
        else:
            shutil.copy(ROOT / name, sources / name)
    done = subprocess.run([sys.executable, "-c", BUILD, kind, str(out)], cwd=sources, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return out / done.stdout.split()[-1]


class Place:
    """A new environment that holds the wheel, an empty HOME, and an empty folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.folder, home, venv = folder / "empty", folder / "home", folder / "venv"
        self.folder.mkdir()
        home.mkdir()
        self.wheel = built("wheel", folder)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install", "--no-index"]
        subprocess.run([*pip, "--no-deps", "--quiet", str(self.wheel)], check=True)
        packages = Path(sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)}))
        here = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
        (packages / "libraries.pth").write_text("\n".join(here) + "\n")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("GOLFCTL", "PYTHON", "XDG"))}
        self.environment |= {"HOME": str(home), "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def type(self, line: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a line as a shell would; it must end with `code`."""
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=1800
        )
        assert done.returncode == code, f"{line}\nexit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        assert "Traceback" not in done.stderr, f"{line}\n{done.stderr[-4000:]}"
        return done


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    return Place(tmp_path_factory.mktemp("wheel"))


def write_texts(folder: Path) -> None:
    """Some 300 short texts, from the sources of the standard library."""
    folder.mkdir()
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, start in enumerate((0, 1500)):
            if piece := text[start : start + 1500].strip():
                (folder / f"{path.stem}-{number}.txt").write_text(piece + "\n", encoding="utf-8")


def make_what_readme_leaves_to_its_reader(place: Place) -> None:
    folder = place.folder
    write_texts(folder / "texts")
    (folder / "book.txt").write_text("A model reads the bytes of a file and writes them again.\n" * 8)
    place.type("golfctl recipe init quickstart -o recipe.toml")
    recipe = (folder / "recipe.toml").read_text().replace("seconds = 90.0", "steps = 3")
    (folder / "recipe.toml").write_text(recipe)
    place.type("golfctl data build texts/ --out owndata")
    place.type("golfctl train recipe.toml --data owndata --out runs/NAME")
    place.type("golfctl pack runs/NAME")
    for name in "ab":
        shutil.copy(folder / "runs" / "NAME" / "model.golf", folder / f"{name}.golf")
    for name in ("base", "new"):
        place.type(f"golfctl eval runs/NAME --report {name}/1.json")
    weights, _ = reference_files.mixed(reference_files.weights())
    (folder / "final_model.ptz").write_bytes(reference_files.PRESSES["zlib"](reference_files.saved(weights)))
    record = folder / "record"
    record.mkdir()
    (record / "README.md").write_text("# Something\n")
    (record / "train_gpt.py").write_text(CODE)
    for seed, bpb in BPB.items():
        (record / f"train_seed{seed}.log").write_text(log(seed, bpb))
    claim(record)


def test_wheel_and_sdist_hold_every_recipe(place, tmp_path):
    with zipfile.ZipFile(place.wheel) as wheel:
        held = {name: wheel.read(name) for name in wheel.namelist() if name.startswith("golfctl/recipes/")}
    assert held == {f"golfctl/recipes/{name}.toml": recipe_text(name) for name in recipe_names()}
    with tarfile.open(built("sdist", tmp_path)) as sdist:
        packed = {member.name.partition("/")[2] for member in sdist.getmembers() if member.isfile()}
    assert set(held) <= packed


def test_golfctl_is_the_one_from_the_wheel(place):
    where = place.type("python -c 'import golfctl; print(golfctl.__file__)'").stdout
    assert Path(where.strip()).is_relative_to(place.folder.parent / "venv")


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_from_the_wheel(place, name):
    """A recipe that trains is forecast; one that evaluates has its time projected, on a run of the wheel's own."""
    if recipe_facts(name).kind == "train":
        assert f"{recipe_facts(name).parameters:,}" in place.type(f"golfctl train {name} --dry-run").stdout
        return
    if not (place.folder / "runs" / "for-eval").exists():
        small = "--set model.dim=48 --set train.held_out_tokens=4096"
        place.type(f"golfctl train quickstart --steps 1 {small} --out runs/for-eval && golfctl pack runs/for-eval")
    done = place.type(f"golfctl eval runs/for-eval --recipe {name} --estimate --json")
    assert f"recipe: {name}, which comes with golfctl" in done.stderr


def test_readme_from_the_wheel(place):
    """The quickstart, the three lines of the design's competitor, then README's lines in their order, each once."""
    commands = readme_commands()
    assert set(NOT_HERE) <= set(commands), "a line that is left out stands in README no more"
    for command in FIRST:
        place.type(SHORTER.get(command, command))
    make_what_readme_leaves_to_its_reader(place)
    for command in commands:
        if command not in (*FIRST, *NOT_HERE):
            line = SHORTER.get(command, command)
            for word, meaning in MEANT.items():
                line = re.sub(word, meaning, line)
            place.type(line, SAYS_NO.get(command, 0))
