"""Where caches go, by the conventions of the system."""

import sys
from pathlib import Path

import pytest

from golfctl.core.machine.caches import cache_folder
from golfctl.errors import StorageError


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    for name in ("GOLFCTL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")


def test_the_nearest_setting_wins(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / ".cache" / "golfctl"
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/golfctl")
    monkeypatch.setenv("GOLFCTL_CACHE", "/own")
    assert cache_folder() == Path("/own")


def test_macos_has_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == tmp_path / "Library" / "Caches" / "golfctl"


@pytest.mark.parametrize("value", ["", "relative/folder"])
def test_a_setting_the_specification_rules_out_is_ignored(monkeypatch, tmp_path, value):
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_folder() == tmp_path / ".cache" / "golfctl"


def test_without_a_home_it_says_what_to_set(monkeypatch):
    def homeless():
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(StorageError, match="GOLFCTL_CACHE"):
        cache_folder()
