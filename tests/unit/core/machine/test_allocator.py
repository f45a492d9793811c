import platform
import subprocess
import sys

import pytest

from golfctl.core.machine import allocator

FAULTS = """
import resource, sys
import torch
from golfctl.core.machine.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def work():
    return torch.ones(12, 2**20).mul(2.0).sum()  # 48 MB: beyond what glibc keeps by itself
for _ in range(5):
    work()  # the heap grows until everything has a place
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how):
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_later_allocations_fault_little_in():
    """A small block that stays between two large ones can still send one of them to fresh memory now and then."""
    assert 3 * faults("kept") < faults("as it is")


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not allocator.keep_freed_memory()
