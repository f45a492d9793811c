"""The switch, its guard and the self-test."""

import os
import subprocess
import sys
import threading

import pytest
import torch

from golfctl.arithmetic import known_digests
from golfctl.arithmetic.mode import is_portable, portable
from golfctl.errors import MachineError, UsageError


def test_the_guard_holds_within_the_block_alone():
    x = torch.ones(3)
    with portable():
        assert is_portable()
        assert (x + x).tolist() == [2, 2, 2]
        with pytest.raises(UsageError, match=r"aten\.exp\.default"):
            x.exp()
        with portable(False):
            assert not is_portable()
        assert is_portable()
    assert not is_portable()
    x.exp()


def test_without_guard_or_switched_off():
    with portable(guard=False):
        assert is_portable()
        torch.ones(3).exp()
    with portable(False):
        assert not is_portable()
        torch.ones(3).exp()


def test_an_error_ends_the_block():
    with pytest.raises(UsageError), portable():
        torch.ones(3).sqrt()
    assert not is_portable()
    torch.ones(3).sqrt()


def test_another_thread_is_not_portable():
    found = []
    with portable():
        other = threading.Thread(target=lambda: found.append(is_portable()))
        other.start()
        other.join()
    assert found == [False]


def test_kernels_run_under_the_guard():
    with portable():
        assert known_digests.digests() == known_digests.DIGESTS


def test_every_kernel_has_a_known_digest():
    assert set(known_digests.results()) == set(known_digests.DIGESTS)


def test_flushed_subnormals_are_refused():
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor always keeps subnormal numbers")
    try:
        with pytest.raises(MachineError, match="subnormal"), portable():
            pass
    finally:
        torch.set_flush_denormal(False)
    with portable():
        pass


def test_the_digests_tell_flushed_subnormals():
    """They would, where nothing else did."""
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor always keeps subnormal numbers")
    try:
        assert known_digests.digests() != known_digests.DIGESTS
    finally:
        torch.set_flush_denormal(False)


def test_a_machine_that_differs_is_refused(monkeypatch):
    known_digests._differing.cache_clear()
    monkeypatch.setitem(known_digests.DIGESTS, "tanh", "0" * 16)
    try:
        with (
            pytest.raises(MachineError, match=r"cannot repeat the arithmetic portable/1: tanh gave other bits"),
            portable(),
        ):
            pass
        assert not is_portable()
    finally:
        known_digests._differing.cache_clear()


def test_ordinary_arithmetic_does_without_numba():
    code = "import sys, golfctl.arithmetic.mode as m\nwith m.portable(False): pass\nassert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    code = """
import os, torch
from golfctl import arithmetic
from golfctl.arithmetic.known_digests import sample
torch.set_num_threads(2)
x = sample(800, 600)
y = arithmetic.exp(x)
child = os.fork()
if not child:
    torch.set_num_threads(2)
    os._exit(0 if torch.equal(arithmetic.exp(x), y) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)
