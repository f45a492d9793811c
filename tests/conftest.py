"""Shared test conditions: one torch thread, fixed seeds, a private cache folder, no network."""

import os
import signal
import socket

import pytest

from golfctl.core.machine.caches import cache_folder

os.environ.setdefault("OMP_NUM_THREADS", "1")
# A background job of a shell, or of nohup, has these ignored, and so would its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder()))  # compiled once, for all processes of all tests


@pytest.fixture(autouse=True)
def _isolated(monkeypatch, tmp_path_factory, request):
    """Every test has its own cache folder and cannot reach beyond loopback."""
    monkeypatch.setenv("GOLFCTL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise RuntimeError(f"a test tried to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def one_thread():
    """Run torch on one thread, for bit-exact comparisons."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
