"""Machine code is kept where a user's caches are, in one folder a version, or not at all; never beside the source."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from golfctl.core.machine import compiled as module

SOURCE = """
from golfctl.core.machine.compiled import compiled

@compiled
def double(x):
    return FACTOR * x

FACTOR = {factor}
print(double(21), sum(double.stats.cache_hits.values()), flush=True)
"""


def run(folder, environment, factor=2, **more):
    """Run a module with one compiled function; gives (its result, cache hits)."""
    room = folder / "room"
    room.mkdir(exist_ok=True)
    (room / "kernel.py").write_text(SOURCE.format(factor=factor))
    clean = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "GOLFCTL_CACHE", "XDG_CACHE_HOME")}
    root = str(Path(module.__file__).parents[2])
    found = subprocess.run(
        [sys.executable, room / "kernel.py"], capture_output=True, text=True, check=True,
        env=clean | {"PYTHONPATH": root} | environment, **more,
    )  # fmt: skip
    assert not list(room.rglob("*.nb?")) and not found.stderr
    return tuple(int(word) for word in found.stdout.split())


def kept(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_code_is_kept_by_version_and_source(tmp_path):
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "xdg")}
    folder = tmp_path / "xdg" / "golfctl" / "compiled"
    assert run(tmp_path, home) == (42, 0)
    [name] = kept(folder)
    assert name.startswith("0.1.0-") and list(folder.rglob("*.nbc"))
    assert run(tmp_path, home) == (42, 1) and kept(folder) == [name]
    assert run(tmp_path, home, factor=3) == (63, 0) and len(kept(folder)) == 2


def test_a_constant_in_another_file_of_the_room_counts(tmp_path):
    home = {"HOME": str(tmp_path)}
    folder = tmp_path / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "golfctl" / "compiled"
    assert run(tmp_path, home) == (42, 0)
    (tmp_path / "room" / "tables.py").write_text("REACH = 1\n")
    assert run(tmp_path, home) == (42, 0) and len(kept(folder)) == 2


def test_numbas_own_setting_holds(tmp_path):
    settings = {"HOME": str(tmp_path / "home"), "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    assert run(tmp_path, settings) == (42, 0) and run(tmp_path, settings) == (42, 1)
    assert len(kept(tmp_path / "numba" / "golfctl")) == 1 and not (tmp_path / "home").exists()


def test_numba_told_to_keep_code_beside_the_source_is_not_heard(tmp_path):
    settings = {"HOME": str(tmp_path), "NUMBA_CACHE_LOCATOR_CLASSES": "InTreeCacheLocator"}
    assert run(tmp_path, settings) == (42, 0) and run(tmp_path, settings) == (42, 0)


@pytest.mark.parametrize("where", ["/proc/nowhere", "/dev/null/cache"])
def test_where_nothing_can_be_written_it_compiles_in_memory(tmp_path, where):
    assert run(tmp_path, {"XDG_CACHE_HOME": where}) == (42, 0)
    assert run(tmp_path, {"NUMBA_CACHE_DIR": where}) == (42, 0)


def test_without_a_home_it_compiles_in_memory(monkeypatch, tmp_path):
    def homeless():
        raise RuntimeError("no home")

    for name in ("GOLFCTL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr(module._settings, "CACHE_DIR", "")
    assert module.code_folder.__wrapped__(tmp_path) is None


def test_a_disk_that_fills_up_costs_nothing_but_time(monkeypatch, tmp_path):
    monkeypatch.setattr(module._settings, "CACHE_DIR", str(tmp_path))

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.FunctionCache, "save_overload", full)
    triple = module.compiled(_triple)
    assert triple(2) == 6 and triple(2.5) == 7.5


def test_damaged_files_are_compiled_anew(tmp_path):
    settings = {"HOME": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path)}
    run(tmp_path, settings)
    for path in [*tmp_path.rglob("*.nbi"), *tmp_path.rglob("*.nbc")]:
        path.write_bytes(b"torn")
    assert run(tmp_path, settings) == (42, 0)


def test_only_the_folders_used_last_stay(monkeypatch, tmp_path):
    monkeypatch.setattr(module._settings, "CACHE_DIR", str(tmp_path))
    old = [tmp_path / "golfctl" / f"0.0.{i}-x" for i in range(module.KEPT + 3)]
    for age, folder in enumerate(old):
        (folder / "inner").mkdir(parents=True)
        os.utime(folder, (time.time() - 1000 - age,) * 2)
    new = module.code_folder.__wrapped__(tmp_path)
    assert sorted(new.parent.iterdir()) == sorted([new, *old[: module.KEPT - 1]])


def _triple(x):
    return 3 * x
